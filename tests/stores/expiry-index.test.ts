// The timing wheel: every entry comes due once, in time, at a cost that follows what is due.
import fc from 'fast-check';

import { ExpiryIndex, type Bucket, type Indexed } from '../../src/stores/expiry-index.js';

const START = 1_700_000_000_000;
/** What ended less than this ago may stay. */
const PRECISION_MS = 1_024;

class Entry implements Indexed {
  bucket: Bucket | null = null;
  previous: Indexed | null = null;
  next: Indexed | null = null;
  constructor(
    readonly name: string,
    public dueAt: number,
  ) {}
}

/** Everything that is due, in as many slices as it takes. */
function takeAll(index: ExpiryIndex<Entry>, now: number, slice = 7): Entry[] {
  const all: Entry[] = [];
  for (let more = true; more;) {
    const taken = index.takeDue(now, slice);
    all.push(...taken.due);
    ({ more } = taken);
  }
  return all;
}

const names = (entries: Entry[]): string[] => entries.map(({ name }) => name).sort();

it.each([1, 500, 1_024, 5_000, 60_000, 3_600_000, 86_400_000, 30 * 86_400_000, 400 * 86_400_000])(
  'gives an entry that ends in %i ms once, not before its end and at most 1,024 ms after it',
  (life) => {
    const index = new ExpiryIndex<Entry>();
    const entry = new Entry('a', START + life);
    index.add(entry, START);
    expect(index.takeDue(entry.dueAt - 1, 10).due).toEqual([]);
    expect(index.takeDue(entry.dueAt + PRECISION_MS, 10)).toEqual({ due: [entry], more: false });
    expect(index.takeDue(entry.dueAt + PRECISION_MS, 10)).toEqual({ due: [], more: false });
    expect([entry.bucket, entry.previous, entry.next]).toEqual([null, null, null]);
  },
);

it('moves a distant entry to narrower buckets a few times at most, however often it is asked', () => {
  const index = new ExpiryIndex<Entry>();
  const entry = new Entry('a', START + 86_400_000);
  index.add(entry, START);
  const buckets = new Set<unknown>();
  for (let now = START; now < entry.dueAt; now += 1_000) {
    index.takeDue(now, 10);
    buckets.add(entry.bucket);
  }
  // 2^26 ms down to 2^16 in halves.
  expect(buckets.size).toBeGreaterThan(1);
  expect(buckets.size).toBeLessThanOrEqual(18);
});

it('looks at nothing that is not due: 100,000 distant entries cost a sweep nothing', () => {
  const index = new ExpiryIndex<Entry>();
  let looks = 0;
  for (let at = 0; at < 100_000; at++) {
    const entry = new Entry(String(at), START + 3_600_000 + at);
    index.add(entry, START);
    let { dueAt } = entry;
    Object.defineProperty(entry, 'dueAt', {
      get: () => (looks++, dueAt),
      set: (value: number) => (dueAt = value),
    });
  }
  for (let now = START; now < START + 600_000; now += 1_000) expect(index.takeDue(now, 500).more).toBe(false);
  expect(looks).toBe(0);
});

it('works in slices of its limit, and says when there is more', () => {
  const index = new ExpiryIndex<Entry>();
  for (let at = 0; at < 10; at++) index.add(new Entry(String(at), START + at), START);
  const now = START + 10_000;
  const slices = [index.takeDue(now, 4), index.takeDue(now, 4), index.takeDue(now, 4)];
  expect(slices.map(({ due, more }) => [due.length, more])).toEqual([
    [4, true],
    [4, true],
    [2, false],
  ]);
});

it('counts entries that only move towards the limit of a slice', () => {
  const index = new ExpiryIndex<Entry>();
  const life = 8 * 3_600_000;
  for (let at = 0; at < 10; at++) index.add(new Entry(String(at), START + life + at), START);
  // Their wide bucket is ready, none of them is due.
  const slice = index.takeDue(START + life - 1, 4);
  expect(slice).toEqual({ due: [], more: true });
  expect(names(takeAll(index, START + life + PRECISION_MS + 10))).toHaveLength(10);
});

it('says that there is no more where the limit is what there is', () => {
  const index = new ExpiryIndex<Entry>();
  for (let at = 0; at < 4; at++) index.add(new Entry(String(at), START), START);
  expect(index.takeDue(START + 5_000, 4)).toMatchObject({ more: false, due: { length: 4 } });
});

describe('remove', () => {
  it('takes out the first, the last, one in between, the only one, and one that is out already', () => {
    const index = new ExpiryIndex<Entry>();
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => new Entry(name, START + 100)) as [
      Entry,
      Entry,
      Entry,
      Entry,
    ];
    for (const entry of [a, b, c, d]) index.add(entry, START);
    for (const entry of [b, a, d, a]) index.remove(entry);
    expect([a, b, d].every(({ bucket, previous, next }) => !bucket && !previous && !next)).toBe(true);
    expect(index.soonest()).toBe(c);
    index.remove(c);
    expect(index.soonest()).toBeNull();
    expect(takeAll(index, START + 10_000)).toEqual([]);
    index.add(b, START);
    expect(takeAll(index, START + 10_000)).toEqual([b]);
  });
});

describe('move', () => {
  it('gives an entry another end, earlier or later', () => {
    const index = new ExpiryIndex<Entry>();
    const [early, late] = [new Entry('early', START + 3_600_000), new Entry('late', START + 5_000)];
    index.add(early, START);
    index.add(late, START);
    index.move(early, START + 5_000, START);
    index.move(late, START + 3_600_000, START);
    expect(names(takeAll(index, START + 7_000))).toEqual(['early']);
    expect(names(takeAll(index, START + 3_700_000))).toEqual(['late']);
  });

  it('stays in its bucket, in its place, for a small move', () => {
    const index = new ExpiryIndex<Entry>();
    const [a, b] = [new Entry('a', START + 3_600_000), new Entry('b', START + 3_600_001)];
    index.add(a, START);
    index.add(b, START);
    const { bucket } = a;
    index.move(a, START + 3_600_002, START);
    expect([a.bucket, a.next, a.dueAt]).toEqual([bucket, b, START + 3_600_002]);
    expect(names(takeAll(index, START + 3_600_001 + PRECISION_MS))).toContain('b');
  });
});

describe('soonest', () => {
  it('is nobody where there is nobody', () => {
    expect(new ExpiryIndex<Entry>().soonest()).toBeNull();
  });

  it('is an entry that ends at most a 64th later than the first to end, as seen when it was added', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1e9 }), { minLength: 1, maxLength: 50 }), (lives) => {
        const index = new ExpiryIndex<Entry>();
        for (const life of lives) index.add(new Entry(String(life), START + life), START);
        const first = Math.min(...lives);
        const chosen = (index.soonest()?.dueAt ?? Infinity) - START;
        expect(chosen).toBeLessThanOrEqual(first + Math.max(first / 32, PRECISION_MS));
      }),
    );
  });

  it('is, among those of one bucket, the one that has been there longest', () => {
    const index = new ExpiryIndex<Entry>();
    const entries = [3, 1, 2].map((at) => new Entry(String(at), START + 3_600_000 + at));
    for (const entry of entries) index.add(entry, START);
    expect(index.soonest()).toBe(entries[0]);
  });
});

describe('against a plain list', () => {
  type Step = ['add', number] | ['move', number, number] | ['remove', number] | ['pass', number, number];
  const life = fc.oneof(
    fc.integer({ min: 0, max: 5_000 }),
    fc.integer({ min: 0, max: 1e8 }),
    fc.integer({ min: 0, max: 4e10 }),
  );
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constant('add' as const), life) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('move' as const), fc.nat(1_000), life) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('remove' as const), fc.nat(1_000)) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('pass' as const), life, fc.integer({ min: 1, max: 20 })) },
  );

  it('takes what is due, never what is not, and keeps everything else, whatever happens to it (F46)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const index = new ExpiryIndex<Entry>();
        const model = new Set<Entry>();
        let now = START;
        const pick = (at: number): Entry | undefined => [...model][at % Math.max(model.size, 1)];
        for (const [kind, first, second] of steps) {
          if (kind === 'add') {
            const entry = new Entry(String(model.size), now + first);
            model.add(entry);
            index.add(entry, now);
          } else if (kind === 'move') {
            const entry = pick(first);
            if (entry !== undefined) index.move(entry, now + second, now);
          } else if (kind === 'remove') {
            const entry = pick(first);
            if (entry !== undefined) index.remove(entry);
            if (entry !== undefined) model.delete(entry);
          } else {
            now += first;
            for (const entry of takeAll(index, now, second)) {
              expect(entry.dueAt).toBeLessThanOrEqual(now);
              expect(model.delete(entry)).toBe(true);
            }
            for (const { dueAt } of model) expect(dueAt + PRECISION_MS).toBeGreaterThan(now);
          }
        }
        // Nothing is lost: in the end all of them come.
        expect(new Set(takeAll(index, now + 5e10))).toEqual(model);
        expect(index.soonest()).toBeNull();
      }),
      { numRuns: 300 },
    );
  });
});

describe('an index that is not exact', () => {
  const inexact = (): ExpiryIndex<Entry> => new ExpiryIndex<Entry>(false);

  it('leaves an entry that is given a later end where it is, so that a touch looks at no other', () => {
    const index = inexact();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => new Entry(name, START + 3_600_000)) as [
      Entry,
      Entry,
      Entry,
    ];
    for (const entry of [a, b, c]) index.add(entry, START);
    const { bucket } = b;
    index.move(b, START + 8 * 3_600_000, START);
    expect([b.dueAt, b.bucket === bucket, b.previous === a, b.next === c]).toEqual([
      START + 8 * 3_600_000,
      true,
      true,
      true,
    ]);
  });

  it.each([2_000, 60_000, 3_600_000, 30 * 86_400_000])(
    'gives an entry of %i ms that is moved on at its every use after its last end, and not before',
    (life) => {
      const index = inexact();
      const entry = new Entry('a', START + life);
      index.add(entry, START);
      let now = START;
      for (let use = 0; use < 20; use++) {
        now += Math.floor(life * 0.9);
        expect(index.takeDue(now, 10)).toEqual({ due: [], more: false });
        index.move(entry, now + life, now);
      }
      expect(index.takeDue(entry.dueAt - 1, 10)).toEqual({ due: [], more: false });
      expect(index.takeDue(entry.dueAt + PRECISION_MS, 10)).toEqual({ due: [entry], more: false });
      expect(takeAll(index, entry.dueAt + 10 * life)).toEqual([]);
    },
  );

  it('gives an entry that was moved later and then earlier at the earlier end', () => {
    const index = inexact();
    const hour = 3_600_000;
    const entries = [1, 2, 3].map((at) => new Entry(String(at), START + 2 * hour));
    for (const entry of entries) {
      index.add(entry, START);
      index.move(entry, START + 48 * hour, START);
    }
    const [before, between, same] = entries as [Entry, Entry, Entry];
    index.move(before, START + hour, START);
    index.move(between, START + 24 * hour, START);
    index.move(same, START + 48 * hour, START);
    expect(takeAll(index, START + hour - 1)).toEqual([]);
    expect(takeAll(index, START + hour + PRECISION_MS)).toEqual([before]);
    expect(takeAll(index, START + 24 * hour - 1)).toEqual([]);
    expect(takeAll(index, START + 24 * hour + PRECISION_MS)).toEqual([between]);
    expect(takeAll(index, START + 48 * hour + PRECISION_MS)).toEqual([same]);
  });

  it('removes an entry that was moved on, and leaves its neighbours', () => {
    const index = inexact();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => new Entry(name, START + 5_000)) as [Entry, Entry, Entry];
    for (const entry of [a, b, c]) index.add(entry, START);
    for (const entry of [a, b, c]) index.move(entry, START + 3_600_000, START);
    index.remove(b);
    expect(takeAll(index, START + 10_000)).toEqual([]);
    expect(names(takeAll(index, START + 3_700_000))).toEqual(['a', 'c']);
  });

  type Step =
    | ['add', number]
    | ['later' | 'earlier', number, number]
    | ['remove', number]
    | ['slice' | 'sweep', number, number];
  const life = fc.oneof(
    fc.integer({ min: 0, max: 5_000 }),
    fc.integer({ min: 0, max: 1e8 }),
    fc.integer({ min: 0, max: 4e10 }),
  );
  const which = fc.nat(1_000);
  const limit = fc.integer({ min: 1, max: 20 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constant('add' as const), life) },
    { weight: 4, arbitrary: fc.tuple(fc.constant('later' as const), which, life) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('earlier' as const), which, life) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('remove' as const), which) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('slice' as const), life, limit) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('sweep' as const), life, limit) },
  );

  it('takes what a plain list says, at most 1,024 ms late, nothing twice and nothing lost', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const index = inexact();
        // Their ends, apart from what the index keeps in the entries.
        const model = new Map<Entry, number>();
        let now = START;
        let added = 0;
        const take = (entries: Entry[]): void => {
          for (const entry of entries) {
            expect(model.get(entry)).toBeLessThanOrEqual(now);
            expect(entry.bucket).toBeNull();
            model.delete(entry);
          }
        };
        const move = (at: number, endOf: (end: number) => number): void => {
          const [entry, end] = [...model][at % Math.max(model.size, 1)] ?? [];
          if (entry === undefined || end === undefined) return;
          model.set(entry, endOf(end));
          index.move(entry, endOf(end), now);
        };
        for (const [kind, first, second = 0] of steps) {
          if (kind === 'add') {
            const entry = new Entry(String(added++), now + first);
            model.set(entry, now + first);
            index.add(entry, now);
          } else if (kind === 'later') {
            move(first, (end) => end + second);
          } else if (kind === 'earlier') {
            move(first, (end) => Math.max(end - second, now));
          } else if (kind === 'remove') {
            const [entry] = [...model.keys()].slice(first % Math.max(model.size, 1));
            if (entry === undefined) continue;
            index.remove(entry);
            model.delete(entry);
          } else if (kind === 'slice') {
            // One slice only: others go on where it ended, whatever happens between.
            now += first;
            const { due } = index.takeDue(now, second);
            expect(due.length).toBeLessThanOrEqual(second);
            take(due);
          } else {
            now += first;
            take(takeAll(index, now, second));
            for (const end of model.values()) expect(end + PRECISION_MS).toBeGreaterThan(now);
          }
        }
        for (const [{ dueAt }, end] of model) expect(dueAt).toBe(end);
        const left = takeAll(index, now + 1e13);
        expect(left).toHaveLength(model.size);
        expect(new Set(left)).toEqual(new Set(model.keys()));
        expect(takeAll(index, now + 2e13)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
