// The three-way merge in parts, and the rebase of live data onto what was stored.
import { changesBetween, partsOf, rebase, textOf } from '../../src/core/merge.js';

type Live = Record<string, unknown>;
const changes = (base: object, mine: object): [string, string | undefined][] => [
  ...changesBetween(partsOf(JSON.stringify(base)), partsOf(JSON.stringify(mine))),
];
/** Rebases `live`, which a commit sent as `sent`, onto what was stored. */
const rebased = (live: Live, sent: object, stored: object): Live => {
  rebase(live, JSON.stringify(sent), JSON.stringify(stored));
  return live;
};

describe('parts', () => {
  it('are the texts of the top-level values, and make the same text again', () => {
    const text = '{"a":1,"b":{"c":[null,"x"]},"d":""}';
    expect([...partsOf(text)]).toEqual([
      ['a', '1'],
      ['b', '{"c":[null,"x"]}'],
      ['d', '""'],
    ]);
    expect(textOf(partsOf(text))).toBe(text);
    expect(textOf(partsOf('{}'))).toBe('{}');
  });

  it('escape keys as JSON does', () => {
    const text = JSON.stringify({ 'a"b': 1, 'c\nd': 2, '\ud800': 3 });
    expect(textOf(partsOf(text))).toBe(text);
  });

  it('become text in the order in which an object lists its keys: numbers first', () => {
    const parts = new Map([
      ['b', '1'],
      ['10', '2'],
      ['a', '3'],
      ['9', '4'],
    ]);
    expect(textOf(parts)).toBe(JSON.stringify({ b: 1, 10: 2, a: 3, 9: 4 }));
    expect(textOf(parts)).toBe('{"9":4,"10":2,"b":1,"a":3}');
  });
});

describe('changesBetween', () => {
  it('lists what is new, other or gone, and nothing else', () => {
    expect(changes({ same: 1, other: 1, gone: 1 }, { same: 1, other: 2, fresh: [3] })).toEqual([
      ['other', '2'],
      ['fresh', '[3]'],
      ['gone', undefined],
    ]);
    expect(changes({ a: 1 }, { a: 1 })).toEqual([]);
  });

  it('tells apart null, absence and falsy values', () => {
    expect(changes({ a: null, b: 0 }, { a: 0, b: false })).toEqual([
      ['a', '0'],
      ['b', 'false'],
    ]);
    expect(changes({ a: null }, {})).toEqual([['a', undefined]]);
    expect(changes({}, { a: null })).toEqual([['a', 'null']]);
  });
});

describe('rebase', () => {
  it('takes what others stored, changed and deleted', () => {
    expect(
      rebased(
        { mine: 1, other: 1, gone: 1 },
        { mine: 1, other: 1, gone: 1 },
        { mine: 1, other: 2, fresh: 3 },
      ),
    ).toEqual({
      mine: 1,
      other: 2,
      fresh: 3,
    });
  });

  it('leaves alone what changed in flight, was deleted in flight, or came in flight', () => {
    const sent = { changed: 1, deleted: 1 };
    expect(rebased({ changed: 2, fresh: 'mine' }, sent, { changed: 9, deleted: 9, fresh: 'theirs' })).toEqual(
      {
        changed: 2,
        fresh: 'mine',
      },
    );
    expect(rebased({ changed: 2 }, { changed: 1 }, {})).toEqual({ changed: 2 });
    expect(Object.keys(rebased({}, { deleted: 1 }, { deleted: 2, theirs: 1 }))).toEqual(['theirs']);
  });

  it('keeps references to arrays and objects live, nested ones too', () => {
    const cart = [{ item: 'a', tags: ['x'] }];
    const user = { name: 'ada', address: { city: 'London' } };
    const live: Live = { cart, user };
    const { address } = user;
    const [first] = cart;
    rebased(live, live, {
      cart: [
        { item: 'a', tags: ['x', 'y'] },
        { item: 'b', tags: [] },
      ],
      user: { name: 'ada', address: { city: 'Paris', zip: 7 } },
    });
    expect(live['cart']).toBe(cart);
    expect(cart[0]).toBe(first);
    expect(first?.tags).toEqual(['x', 'y']);
    expect(cart).toHaveLength(2);
    expect(live['user']).toBe(user);
    expect(user.address).toBe(address);
    expect(address).toEqual({ city: 'Paris', zip: 7 });
  });

  it('shortens arrays and takes keys out of objects in place', () => {
    const list = [1, 2, 3];
    const object: Live = { a: 1, b: 2 };
    rebased({ list, object }, { list, object }, { list: [3], object: { b: 2 } });
    expect(list).toEqual([3]);
    expect(object).toEqual({ b: 2 });
  });

  it.each([
    ['an array that became an object', [1], { a: 1 }],
    ['an object that became an array', { a: 1 }, [1]],
    ['an object that became a number', { a: 1 }, 5],
    ['a number that became an object', 5, { a: 1 }],
    ['an object that became null', { a: 1 }, null],
    ['null that became an object', null, { a: 1 }],
    ['an array that became a text', [1], 'x'],
  ])('replaces %s', (_what, held, next) => {
    expect(rebased({ a: held }, { a: held }, { a: next })).toEqual({ a: next });
  });

  it('replaces frozen values instead of failing on them, inside others too', () => {
    const frozen = Object.freeze({ n: 1 });
    const list = Object.freeze([1]);
    const holder = { frozen };
    const live: Live = { frozen, list, holder };
    rebased(live, live, { frozen: { n: 2 }, list: [2], holder: { frozen: { n: 2 } } });
    expect(live).toEqual({ frozen: { n: 2 }, list: [2], holder: { frozen: { n: 2 } } });
    expect([frozen.n, list[0], live['holder'] === holder]).toEqual([1, 1, true]);
  });

  it.each([
    ['sealed', (value: object) => Object.seal(value)],
    ['not extensible', (value: object) => Object.preventExtensions(value)],
  ])('replaces values that are %s: the commit is done, it cannot fail any more', (_what, close) => {
    const live: Live = { object: close({ a: 1, b: 2 }), list: close([1]) };
    rebased(live, live, { object: { b: 2, c: 3 }, list: [1, 2] });
    expect(live).toEqual({ object: { b: 2, c: 3 }, list: [1, 2] });
  });

  it('leaves an object that one key holds alone when another key that holds it too was changed elsewhere', () => {
    // Handler: billing = shipping = one object, saved · elsewhere: billing moves to Paris · handler: saves something else.
    const address = { city: 'London' };
    const live: Live = { billing: address, shipping: address };
    const stored = { billing: { city: 'Paris' }, shipping: { city: 'London' } };
    rebase(live, JSON.stringify(live), JSON.stringify(stored));
    // Otherwise the next commit takes Paris for this handler's change of shipping and stores it.
    expect(live).toEqual(stored);
  });

  it('gives an instance of a class up for what was stored, because it is not plain data', () => {
    class Point {
      x = 1;
    }
    const point = new Point();
    const live: Live = { point };
    rebased(live, { point: { x: 1 } }, { point: { x: 2 } });
    expect(live['point']).toEqual({ x: 2 });
    expect(point.x).toBe(1);
  });

  it('takes objects without a prototype for plain', () => {
    const bare = Object.assign(Object.create(null) as object, { x: 1 });
    const live: Live = { bare };
    rebased(live, live, { bare: { x: 2 } });
    expect(live['bare']).toBe(bare);
    expect(bare.x).toBe(2);
  });

  it('keeps a date as long as its text is what was stored', () => {
    const at = new Date(0);
    const live: Live = { at, n: 1 };
    rebased(live, live, { at: at.toJSON(), n: 2 });
    expect(live['at']).toBe(at);
    expect(live['n']).toBe(2);
  });

  it('takes a value that became unreadable for one that changed', () => {
    const ring: Live = {};
    ring['self'] = ring;
    const live: Live = { bad: ring, good: 1 };
    rebase(live, '{"bad":1,"good":1}', '{"bad":2,"good":2}');
    expect(live['bad']).toBe(ring);
    expect(live['good']).toBe(2);
  });

  it('does not fail on what the handler put there in flight, whatever it is: the commit is done', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    const throwing = Object.defineProperty({}, 'x', {
      enumerable: true,
      get() {
        throw new Error('boom');
      },
    });
    const live: Live = { deep, throwing, good: 1 };
    rebase(live, '{"good":1}', '{"good":2,"theirs":1}');
    // Not compared by jest, which would print them.
    expect([live['deep'] === deep, live['throwing'] === throwing]).toEqual([true, true]);
    expect([live['good'], live['theirs']]).toEqual([2, 1]);
  });

  it('takes a value set to undefined for a deletion: pending if in flight, else done', () => {
    expect(Object.hasOwn(rebased({ a: undefined, b: 1 }, { b: 1 }, { b: 2 }), 'a')).toBe(false);
    expect(rebased({ a: undefined, b: 1 }, { a: 1, b: 1 }, { a: 2, b: 2 })).toEqual({ a: undefined, b: 2 });
  });

  it('lists keys in the order of what was stored, at every level: equal data has equal text', () => {
    const inner: Live = { y: 1, x: 2 };
    const live: Live = { b: inner, a: 1 };
    rebased(live, live, { a: 2, b: { x: 2, z: 3, y: 1 } });
    expect(JSON.stringify(live)).toBe('{"a":2,"b":{"x":2,"z":3,"y":1}}');
    expect(live['b']).toBe(inner);
  });

  it('lists keys that came in flight before those of the store', () => {
    const live: Live = { a: 1, mine: 1 };
    rebased(live, { a: 1 }, { a: 1, b: 2 });
    expect(JSON.stringify(live)).toBe('{"mine":1,"a":1,"b":2}');
  });

  it('touches nothing where what was stored is what was sent', () => {
    const live = Object.freeze({ a: Object.freeze({ b: 1 }) });
    expect(() => {
      rebase(live, '{"a":{"b":1}}', '{"a":{"b":1}}');
    }).not.toThrow();
  });

  it('keeps an element that others left as it is', () => {
    const list = [{ n: 1 }, { n: 2 }];
    const [, second] = list;
    rebased({ list }, { list }, { list: [{ n: 9 }, { n: 2 }] });
    expect(list[1]).toBe(second);
    expect(list[0]).toEqual({ n: 9 });
  });

  it('never reaches a prototype, whatever stored text says', () => {
    const live: Live = { a: { b: 1 } };
    rebase(live, '{"a":{"b":1}}', '{"a":{"b":1,"\\u005f_proto__":{"polluted":true}}}');
    const clean = !('polluted' in {});
    Reflect.deleteProperty(Object.prototype, 'polluted');
    expect(clean).toBe(true);
    expect(Object.getPrototypeOf(live['a'])).toBe(Object.prototype);
  });
});
