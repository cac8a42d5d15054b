// Laws of merge and rebase, over random sessions.
import fc from 'fast-check';

import { Draft } from '../../src/core/draft.js';
import { DEFAULT_LIMITS, encodeData } from '../../src/core/json.js';
import { partsOf, rebase, textOf } from '../../src/core/merge.js';

type Data = Record<string, unknown>;

const key: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c', 'd', '1', '07', '10', 'ä"', 'x y');
const value: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom<unknown>(0, 1, '', 'x', null, false) },
  fc.array(fc.constantFrom<unknown>(1, 2, null, 'x'), { maxLength: 3 }),
  fc.dictionary(
    key,
    fc.oneof(fc.constantFrom<unknown>(1, 'y', null), fc.array(fc.nat(3), { maxLength: 2 })),
    { maxKeys: 3 },
  ),
);
const data: fc.Arbitrary<Data> = fc.dictionary(key, value, { maxKeys: 6 });

const encode = (live: Data): string => encodeData(live);
const parse = (text: string): Data => JSON.parse(text) as Data;
const copy = (live: Data): Data => parse(JSON.stringify(live));
/** What the store holds after these commits, each from its base to its data, on top of `text`. */
const merged = (text: string, ...commits: [base: string, mine: string][]): string => {
  const draft = new Draft(text, DEFAULT_LIMITS);
  for (const [base, mine] of commits) draft.change(base, mine);
  return draft.text;
};

it('parts make the text they were made of', () => {
  fc.assert(fc.property(data, (live) => textOf(partsOf(encode(live))) === encode(live)));
});

it('stores one writer’s data as it is, whatever that writer began with', () => {
  fc.assert(
    fc.property(
      data,
      data,
      (base, mine) => merged(encode(base), [encode(base), encode(mine)]) === encode(mine),
    ),
  );
});

it('keeps all changes of two writers that change different keys, in either order', () => {
  const disjoint = fc.record({ base: data, mine: data, theirs: data, split: fc.uniqueArray(key) });
  fc.assert(
    fc.property(disjoint, ({ base, mine, theirs, split }) => {
      // One changes the keys in `split`, the other all others; deletions included.
      const take = (from: Data, isMine: boolean): Data => ({
        ...Object.fromEntries(Object.entries(base).filter(([name]) => split.includes(name) !== isMine)),
        ...Object.fromEntries(Object.entries(from).filter(([name]) => split.includes(name) === isMine)),
      });
      const text = encode(base);
      const a: [string, string] = [text, encode(take(mine, true))];
      const b: [string, string] = [text, encode(take(theirs, false))];
      const wanted = Object.fromEntries(
        [mine, theirs].flatMap((side) =>
          Object.entries(side).filter(([name]) => split.includes(name) === (side === mine)),
        ),
      );
      expect(parse(merged(text, a, b))).toEqual(wanted);
      expect(parse(merged(text, b, a))).toEqual(wanted);
    }),
  );
});

it('stores, for each key both changed, the value of the later commit', () => {
  fc.assert(
    fc.property(data, data, data, (base, first, second) => {
      const text = encode(base);
      const result = parse(merged(text, [text, encode(first)], [text, encode(second)]));
      for (const name of new Set([base, first, second].flatMap((each) => Object.keys(each)))) {
        const isChanged = JSON.stringify(base[name]) !== JSON.stringify(second[name]);
        expect(result[name]).toEqual((isChanged ? second : first)[name]);
      }
    }),
  );
});

it('holds, after any commits from any bases, what a model that knows single keys holds', () => {
  const step = fc.record({ mine: data, base: fc.option(data), writesOnLatest: fc.boolean() });
  fc.assert(
    fc.property(data, fc.array(step, { maxLength: 8 }), (start, steps) => {
      const draft = new Draft(encode(start), DEFAULT_LIMITS);
      const model = new Map(Object.entries(start));
      for (const { mine, base, writesOnLatest } of steps) {
        const from = writesOnLatest ? Object.fromEntries(model) : (base ?? start);
        draft.change(writesOnLatest ? draft.text : encode(from), encode(mine));
        for (const name of new Set([...Object.keys(from), ...Object.keys(mine)])) {
          if (JSON.stringify(from[name]) === JSON.stringify(mine[name])) continue;
          if (Object.hasOwn(mine, name)) model.set(name, mine[name]);
          else model.delete(name);
        }
        expect(parse(draft.text)).toEqual(Object.fromEntries(model));
      }
    }),
    { numRuns: 500 },
  );
});

it('makes text in the one order an object of that text would have', () => {
  fc.assert(
    fc.property(data, data, data, (base, first, second) => {
      const result = merged(encode(base), [encode(base), encode(first)], [encode(base), encode(second)]);
      expect(JSON.stringify(parse(result))).toBe(result);
    }),
  );
});

it('changes nothing by a commit that changes nothing', () => {
  fc.assert(
    fc.property(data, data, (base, other) => {
      expect(merged(encode(other), [encode(base), encode(base)])).toBe(encode(other));
    }),
  );
});

describe('after a commit and its rebase', () => {
  it('the live text is the stored text, if nothing changed in flight', () => {
    fc.assert(
      fc.property(data, data, (mine, stored) => {
        const live = copy(mine);
        rebase(live, encode(mine), encode(stored));
        expect(JSON.stringify(live)).toBe(encode(stored));
      }),
      { numRuns: 500 },
    );
  });

  it('what changed in flight is exactly what the next commit changes', () => {
    fc.assert(
      fc.property(data, data, data, (sent, stored, now) => {
        const live = copy(now);
        rebase(live, encode(sent), encode(stored));
        for (const name of new Set([sent, stored, now].flatMap((each) => Object.keys(each)))) {
          const isPending = JSON.stringify(now[name]) !== JSON.stringify(sent[name]);
          expect(JSON.stringify(live[name])).toBe(JSON.stringify((isPending ? now : stored)[name]));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('every object and array that is still one is the same one', () => {
    const isSameKind = (a: unknown, b: unknown): boolean =>
      typeof a === 'object' &&
      typeof b === 'object' &&
      a !== null &&
      b !== null &&
      Array.isArray(a) === Array.isArray(b);
    fc.assert(
      fc.property(data, data, (mine, stored) => {
        const live = copy(mine);
        const held = { ...live };
        rebase(live, encode(mine), encode(stored));
        for (const [name, kept] of Object.entries(held))
          if (isSameKind(kept, stored[name])) expect(live[name]).toBe(kept);
      }),
    );
  });

  it('a second rebase onto the same text changes nothing', () => {
    fc.assert(
      fc.property(data, data, (mine, stored) => {
        const live = copy(mine);
        rebase(live, encode(mine), encode(stored));
        rebase(live, encode(stored), encode(stored));
        expect(JSON.stringify(live)).toBe(encode(stored));
      }),
    );
  });
});
