// The judge of histories is judged itself: it must see each kind of wrong, and nothing in what is right.
import { judge, type Event, type Seen } from '../support/file-history.js';

const HOUR_MS = 3_600_000;
/** Of the clock: the times of events here are in ms, and the end of a session is far off unless a case says otherwise. */
const nowAt = (ns: number): number => ns;

let count = 0;
function event(op: Event['op'], start: number, end: number, rest: Partial<Event> = {}): Event {
  return { id: String(count++), worker: 'w', op, key: 'k', start, end, ...rest };
}

const insert = (start: number, end: number, version = 'v1', to = HOUR_MS): Event =>
  event('insert', start, end, { version, to, ok: true, owner: 'o' });
const replace = (start: number, end: number, from: string, version: string, to = HOUR_MS): Event =>
  event('replace', start, end, { from, version, to, ok: true });
const read = (start: number, end: number, version: string | null, seen: Partial<Seen> = {}): Event =>
  event('find', start, end, {
    seen: version === null ? null : { version, to: HOUR_MS, sound: true, ...seen },
  });
const extend = (start: number, end: number, to: number, ok = true): Event =>
  event('extend', start, end, { to, ok });
const remove = (start: number, end: number, ok = true): Event => event('remove', start, end, { ok });
const page = (start: number, end: number, versions: readonly string[]): Event =>
  event('page', start, end, {
    key: '',
    owner: 'o',
    records: versions.map((version) => ['k', { version, to: HOUR_MS, sound: true }] as const),
  });
function unanswered({ ok, ...cut }: Event): Event {
  // What answers nothing has to have been a right answer first.
  expect(ok).toBe(true);
  return { ...cut, end: Infinity };
}

const RIGHT: readonly (readonly [string, readonly Event[]])[] = [
  ['a life', [insert(1, 2), read(3, 4, 'v1'), replace(5, 6, 'v1', 'v2'), read(7, 8, 'v2'), remove(9, 10)]],
  ['a read beside a write, either way', [insert(1, 2), replace(3, 9, 'v1', 'v2'), read(4, 5, 'v1')]],
  ['a read of what is not acknowledged yet', [insert(1, 2), replace(3, 9, 'v1', 'v2'), read(4, 5, 'v2')]],
  [
    'a write that was cut and was not done',
    [insert(1, 2), unanswered(replace(3, 9, 'v1', 'v2')), read(10, 11, 'v1')],
  ],
  [
    'a write that was cut and done',
    [insert(1, 2), unanswered(replace(3, 9, 'v1', 'v2')), read(10, 11, 'v2')],
  ],
  [
    'a refused write that came second',
    [insert(1, 2), replace(3, 5, 'v1', 'v2'), { ...replace(4, 6, 'v1', 'v3'), ok: false }],
  ],
  ['absent after a removal that was cut', [insert(1, 2), unanswered(remove(3, 4)), read(5, 6, null)]],
  [
    'a touch, and a write that sets another end',
    [insert(1, 2), extend(3, 4, HOUR_MS + 9), read(5, 6, 'v1', { to: HOUR_MS + 9 })],
  ],
  [
    'a touch that shows, and finds in the end that the session is removed',
    [insert(1, 2), extend(3, 9, HOUR_MS + 9, false), read(4, 5, 'v1', { to: HOUR_MS + 9 }), remove(6, 7)],
  ],
  ['a listing that names it', [insert(1, 2), page(3, 4, ['v1'])]],
  ['a listing during its removal', [insert(1, 2), remove(3, 5), page(4, 6, [])]],
  ['absent after its end', [insert(1, 2, 'v1', 9), read(10, 11, null)]],
];

it.each(RIGHT)('finds nothing in %s', (_name, events) => {
  expect(judge(events, nowAt).violations).toEqual([]);
});

const WRONG: readonly (readonly [string, string, readonly Event[]])[] = [
  ['a torn read', 'torn', [insert(1, 2), read(3, 4, 'v1', { sound: false })]],
  ['a version out of nowhere', 'never written', [insert(1, 2), read(3, 4, 'v7')]],
  [
    'a version that was refused',
    'never written',
    [insert(1, 2), { ...replace(3, 4, 'v1', 'v2'), ok: false }, read(5, 6, 'v2')],
  ],
  [
    'a read before the write',
    'read before it was written',
    [insert(1, 2), read(3, 4, 'v2'), replace(5, 6, 'v1', 'v2')],
  ],
  [
    'a lost write',
    'older than what was acknowledged',
    [insert(1, 2), replace(3, 4, 'v1', 'v2'), read(5, 6, 'v1')],
  ],
  [
    'a read that goes back behind another',
    'older than what was acknowledged',
    [insert(1, 2), replace(3, 9, 'v1', 'v2'), read(4, 5, 'v2'), read(6, 7, 'v1')],
  ],
  [
    'two writers who replaced one version',
    'one version replaced by two writers',
    [insert(1, 2), replace(3, 5, 'v1', 'v2'), replace(4, 6, 'v1', 'v3')],
  ],
  [
    'a write on top of one that never was',
    'replaced what was not there',
    [insert(1, 2), replace(3, 4, 'v9', 'v2')],
  ],
  ['two creations', 'inserted twice', [insert(1, 2), insert(3, 4, 'v2')]],
  ['a session that is back', 'back after it was gone', [insert(1, 2), remove(3, 4), read(5, 6, 'v1')]],
  [
    'a write after the removal',
    'back after it was gone',
    [insert(1, 2), remove(3, 4), replace(5, 6, 'v1', 'v2')],
  ],
  [
    'a touch after the removal',
    'back after it was gone',
    [insert(1, 2), remove(3, 4), extend(5, 6, HOUR_MS)],
  ],
  ['two who removed it', 'removed twice', [insert(1, 2), remove(3, 5), remove(4, 6)]],
  ['a session that is lost', 'a living session is absent', [insert(1, 2), read(3, 4, null)]],
  ['a touch refused for nothing', 'a living session is absent', [insert(1, 2), extend(3, 4, HOUR_MS, false)]],
  [
    'a write refused for nothing',
    'a living session is absent',
    [insert(1, 2), { ...replace(3, 4, 'v1', 'v2'), ok: false }],
  ],
  ['an insert refused for nothing', 'an insert refused for nothing', [{ ...insert(1, 2), ok: false }]],
  ['a listing that lacks it', 'a living session is absent', [insert(1, 2), page(3, 4, [])]],
  [
    'a listing with an old version',
    'older than what was acknowledged',
    [insert(1, 2), replace(3, 4, 'v1', 'v2'), page(5, 6, ['v1'])],
  ],
  [
    'a touch that is lost',
    'an acknowledged touch is lost',
    [insert(1, 2), extend(3, 4, HOUR_MS + 9), read(5, 6, 'v1')],
  ],
  ['an end that is too early', 'an end earlier than written', [insert(1, 2), read(3, 4, 'v1', { to: 9 })]],
  ['an end that nobody set', 'an end that nobody set', [insert(1, 2), read(3, 4, 'v1', { to: HOUR_MS + 9 })]],
  ['a session after its end', 'expired', [insert(1, 2, 'v1', 9), read(10, 11, 'v1', { to: 9 })]],
];

it.each(WRONG)('sees %s', (_name, what, events) => {
  const { violations } = judge(events, nowAt);
  expect(violations.map((text) => text.slice(0, text.indexOf(':')))).toContain(what);
});

it('counts a touch that another one at the same time took back, and does not call it lost', () => {
  const events = [insert(1, 2), extend(3, 5, HOUR_MS + 9), extend(4, 6, HOUR_MS + 4)];
  const { violations, crossed } = judge([...events, read(7, 8, 'v1', { to: HOUR_MS + 4 })], nowAt);
  expect({ violations, crossed }).toEqual({ violations: [], crossed: 1 });
});
