// F36: a scheduled renewal that is cut at any of its store calls harms no response, and leaves one session that the
// client can go on with, under one id.
import type { Client } from '../support/http.js';
import { createRenewing, HOUR, MINUTE, STORES, told, type RenewingWorld } from './renewal.world.js';
import { closeWorlds, createGate } from './world.js';

afterEach(closeWorlds);

type Call = 'insert' | 'replace' | 'find' | 'remove';
type Perform = () => Promise<unknown>;

/** What becomes of one call; `later` opens when the request has long been answered. */
const CUTS: readonly (readonly [string, (perform: Perform, later: Promise<void>) => Promise<unknown>])[] = [
  ['fails', () => Promise.reject(new Error('cut'))],
  ['fails, having landed', (perform) => perform().then(() => Promise.reject(new Error('cut')))],
  ['never answers', () => new Promise(() => undefined)],
  ['never answers, having landed', (perform) => perform().then(() => new Promise(() => undefined))],
  ['lands when nobody waits any more', (perform, later) => later.then(perform)],
];

/** Cuts a write of the renewal, and what follows it: the first call of each. */
function cut(
  { store }: Pick<RenewingWorld, 'store'>,
  calls: Partial<Record<Call, (typeof CUTS)[number][1]>>,
  later: Promise<void>,
): () => void {
  const target = store as unknown as Record<Call, (...args: unknown[]) => Promise<unknown>>;
  const names = Object.keys(calls) as Call[];
  const arm = (name: Call): void => {
    const real = target[name];
    target[name] = (...args) => {
      Reflect.deleteProperty(target, name);
      // What looks for the fate of a write, and not what looks before it.
      if (name === 'insert' || name === 'replace')
        for (const next of names) if (next === 'find' || next === 'remove') arm(next);
      return (calls[name] as (typeof CUTS)[number][1])(() => real.apply(store, args), later);
    };
  };
  for (const name of names) if (name === 'insert' || name === 'replace') arm(name);
  return () => names.forEach((name) => Reflect.deleteProperty(target, name));
}

const KINDS = new Map(CUTS);
const kind = (name: string): (typeof CUTS)[number][1] => KINDS.get(name) as (typeof CUTS)[number][1];

/** Every cut of one call, and those of two that one broken connection causes. */
const CASES: readonly (readonly [string, Parameters<typeof cut>[1]])[] = [
  ...(['insert', 'replace'] as const).flatMap((name) =>
    CUTS.map(([how, does]) => [`${name} ${how}`, { [name]: does }] as const),
  ),
  ...(['insert', 'replace'] as const).flatMap((name) =>
    CUTS.map(
      ([how, does]) => [`${name} ${how}, and the look fails`, { [name]: does, find: kind('fails') }] as const,
    ),
  ),
  ...CUTS.map(
    ([how, does]) => [`replace fails, and remove ${how}`, { replace: kind('fails'), remove: does }] as const,
  ),
  [
    'replace fails, having landed, and all else fails',
    { replace: kind('fails, having landed'), find: kind('fails'), remove: kind('fails') },
  ],
];

/** Answers that wait for a timeout need the time to pass. */
async function answered<T>({ clock }: RenewingWorld, answer: Promise<T>): Promise<T> {
  const waiting = Symbol('waiting');
  const later = (): Promise<typeof waiting> => new Promise((resolve) => setTimeout(resolve, 40, waiting));
  while ((await Promise.race([answer, later()])) === waiting) await clock.advance(1_000);
  return answer;
}

describe.each(STORES)('on %s', (_name, backing) => {
  it.each(CASES)('F36 leaves one session with one id: %s', async (_case, calls) => {
    const world = await createRenewing(backing(), {
      logger: { warn: () => undefined, error: () => undefined },
    });
    const { client, clock, on, sessions } = world;
    sessions.on('error', () => undefined);
    const later = createGate();
    let mend = (): void => undefined;
    on('/cut', async (req, res) => {
      await sessions.load(req);
      // The touch that comes first is none of the renewal.
      await sessions.touch(req);
      mend = cut(world, calls, later.opened);
      res.json(sessions.session(req)['a']);
    });
    await client.get('/login?user=ada');
    await client.get('/set?key=a');
    await clock.advance(HOUR);
    const old = client.clone();
    const answer = await answered(world, client.get('/cut'));
    expect([answer.status, answer.body]).toEqual([200, 'true']);
    mend();
    later.open();
    await told();
    await told();
    const held = new Map<string, Client>([old, client].map((each) => [each.cookie, each.clone()]));
    // As long as the new id was not seen, the old one leads to the same session; then to none.
    expect((await answered(world, old.clone().get('/all'))).body).toBe('{"a":true}');
    await clock.advance(MINUTE);
    expect((await client.get('/all')).body).toBe('{"a":true}');
    expect((await client.get('/set?key=b')).status).toBe(200);
    expect((await client.get('/all')).body).toBe('{"a":true,"b":true}');
    held.delete(client.cookie);
    for (const each of held.values()) expect((await each.get('/all')).body).toBe('{}');
    // A logout ends it under every name.
    expect((await client.clone().get('/logout')).body).toBe('true');
    for (const each of [old, client]) expect((await each.get('/all')).body).toBe('{}');
  });
});
