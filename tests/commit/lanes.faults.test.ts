// Commits on a store that hangs, lies, repeats and breaks: what landed is recognised, what did not is told, in time.
import { withCode } from '../support/failures.js';
import {
  from,
  increment,
  later,
  never,
  watch,
  world,
  type Bend,
  type CallName,
  type World,
} from './support.js';

const TIMEOUT = 1_000;
const SLACK = 100;
const only =
  (name: CallName, bend: Bend): Bend =>
  (call, go) =>
    call.name === name ? bend(call, go) : go();

/** Lands, and never says so. */
const landsInSilence: Bend = async (_call, go) => {
  await go();
  return never();
};
const landsAndBreaks: Bend = async (_call, go) => {
  await go();
  throw new Error('connection reset');
};
/** A driver that repeats a call whose answer it missed. */
const deliveredTwice: Bend = async (_call, go) => {
  await go();
  return go();
};

describe.each([
  ['without an answer', landsInSilence],
  ['whose answer is lost', landsAndBreaks],
  ['that is delivered twice', deliveredTwice],
])('a write %s', (_what, bend) => {
  it('is recognised as landed when it was an insert, and the session keeps its id', async () => {
    const { lanes, store, clock, fresh, dataOf, events } = world();
    const target = fresh('k');
    store.bend = only('insert', bend);
    const seen = watch(lanes.write(target, from({}, { a: 1 })), clock);
    await clock.advance(TIMEOUT);
    expect(seen.error).toBeUndefined();
    expect(seen.value?.record).toEqual(store.findSync(target.key));
    expect([target.renewals, await dataOf(target.key)]).toEqual([0, { a: 1 }]);
    expect(events.map(({ name }) => name)).toEqual(['created', 'committed new']);
  });

  it('is recognised as landed when it was a replace, and counts once', async () => {
    const { lanes, store, clock, stored, dataOf } = world();
    const target = await stored({ n: 0 });
    store.bend = only('replace', bend);
    const seen = watch(lanes.write(target, increment('n')), clock);
    await clock.advance(TIMEOUT);
    expect(seen.value?.value).toBe(1);
    expect(await dataOf(target.key)).toEqual({ n: 1 });
    expect(store.calls).toEqual(['replace', 'find']);
  });
});

it('gives a write four fifths of the time, and keeps the rest for looking whether it landed', async () => {
  const { lanes, store, clock, stored } = world();
  const target = await stored({ n: 0 });
  store.bend = only('replace', never);
  const seen = watch(lanes.write(target, increment('n')), clock);
  await clock.advance(799);
  expect([store.calls, seen.at]).toEqual([['replace'], null]);
  await clock.advance(2);
  expect(store.calls).toEqual(['replace', 'find']);
  expect(seen.error).toEqual(withCode('ERR_SESSION_STORE_TIMEOUT'));
  expect((seen.error as Error).message).toBe('The store did not answer replace() in time.');
});

describe('an insert that arrives late', () => {
  /** Holds the first insert back until the test lets it go. */
  const heldBack = () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const bend: Bend = async (_call, go) => {
      await gate;
      return go();
    };
    return { bend, release: () => (release(), later()) };
  };

  it('is taken away: its caller was told that it failed, so nobody holds its id', async () => {
    const { lanes, store, clock, fresh } = world();
    const { bend, release } = heldBack();
    const target = fresh('k');
    store.bend = only('insert', bend);
    const seen = watch(lanes.write(target, from({}, { a: 1 })), clock);
    await clock.advance(TIMEOUT);
    expect(seen.error).toEqual(withCode('ERR_SESSION_STORE_TIMEOUT'));
    await release();
    expect(store.calls).toEqual(['insert', 'find', 'remove']);
    expect(store.findSync(target.key)).toBeNull();
  });

  it('is taken away also if looking for it got no answer', async () => {
    const { lanes, store, clock, fresh } = world();
    const { bend, release } = heldBack();
    const target = fresh('k');
    store.bend = (call, go) =>
      call.name === 'insert' ? bend(call, go) : call.name === 'find' ? never() : go();
    const seen = watch(lanes.write(target, from({}, { a: 1 })), clock);
    await clock.advance(TIMEOUT);
    expect(seen.error).toEqual(withCode('ERR_SESSION_STORE_TIMEOUT'));
    await release();
    expect(store.findSync(target.key)).toBeNull();
  });

  it('that says false removes nothing: the record under its key is another’s', async () => {
    const { lanes, store, clock, fresh } = world();
    const { bend, release } = heldBack();
    store.bend = (call, go) => (call.name === 'insert' && call.nth === 1 ? bend(call, go) : go());
    const seen = watch(lanes.write(fresh('k'), from({}, { a: 1 })), clock);
    await clock.advance(TIMEOUT);
    expect(seen.error).toEqual(withCode('ERR_SESSION_STORE_TIMEOUT'));
    const target = fresh('k');
    await lanes.write(target, from({}, { theirs: 1 }));
    await release();
    expect(store.countOf('remove')).toBe(0);
    expect(store.findSync(target.key)?.data).toBe('{"theirs":1}');
  });

  it('harms nobody if it fails late, or if it cannot be taken away', async () => {
    const rejections: unknown[] = [];
    const listen = (error: unknown): void => void rejections.push(error);
    process.on('unhandledRejection', listen);
    for (const late of ['insert fails', 'remove fails']) {
      const { lanes, store, clock, fresh } = world();
      const { bend, release } = heldBack();
      store.bend = (call, go) => {
        if (call.name === 'insert')
          return bend(call, late === 'insert fails' ? () => Promise.reject(new Error('late')) : go);
        return call.name === 'remove' ? Promise.reject(new Error('down')) : go();
      };
      watch(lanes.write(fresh('k'), from({}, { a: 1 })), clock);
      await clock.advance(TIMEOUT);
      await release();
      await later();
    }
    process.off('unhandledRejection', listen);
    expect(rejections).toEqual([]);
  });
});

it('leaves a replace that arrives late to the next reader, and the lane knows nothing of it', async () => {
  const { lanes, store, clock, stored, reader, dataOf } = world();
  const target = await stored({ n: 0 });
  let land = (): Promise<unknown> => Promise.resolve();
  store.bend = (call, go) => {
    if (call.name !== 'replace' || call.nth > 1) return go();
    land = go;
    return never();
  };
  const seen = watch(lanes.write(target, increment('n')), clock);
  await clock.advance(TIMEOUT);
  expect(seen.error).toEqual(withCode('ERR_SESSION_STORE_TIMEOUT'));
  await land();
  await lanes.write(await reader(target.key), increment('n'));
  expect(await dataOf(target.key)).toEqual({ n: 2 });
});

describe('a store that breaks', () => {
  const cause = new Error('ECONNREFUSED');
  it.each<[string, Bend, unknown]>([
    ['rejects', () => Promise.reject(cause), cause],
    // A store may reject with anything; undefined is the point here.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what such stores do
    ['rejects with nothing', () => Promise.reject(undefined), undefined],
    [
      'throws at once',
      () => {
        throw cause;
      },
      cause,
    ],
    ['returns no promise', () => true, expect.any(TypeError)],
    ['returns nothing', () => undefined, expect.any(TypeError)],
  ])('%s: a typed error with the cause, at once', async (_how, bend, expected) => {
    for (const begin of [
      ({ fresh }: World) => Promise.resolve(fresh()),
      ({ stored }: World) => stored({ n: 0 }),
    ]) {
      const each = world();
      const target = await begin(each);
      each.store.bend = (call, go) => (call.name === 'find' ? go() : bend(call, go));
      const name = target.record === null ? 'insert' : 'replace';
      await expect(each.lanes.write(target, increment('n'))).rejects.toMatchObject({
        code: 'ERR_SESSION_STORE',
        status: 503,
        message: `The session store failed in ${name}().`,
        cause: expected,
      });
      expect(each.clock.waiting).toBe(0);
    }
  });

  it('tells the first fault where looking for the write fails too', async () => {
    const { lanes, store, stored } = world();
    const target = await stored({ n: 0 });
    store.bend = (call) => Promise.reject(new Error(call.name));
    await expect(lanes.write(target, increment('n'))).rejects.toMatchObject({
      cause: { message: 'replace' },
    });
    expect(store.calls).toEqual(['replace', 'find']);
  });

  it('is no conflict and no end: a false that cannot be looked into is a fault', async () => {
    const { lanes, store, stored } = world();
    const target = await stored({ n: 0 });
    store.bend = (call) =>
      call.name === 'find' ? Promise.reject(new Error('find')) : Promise.resolve(false);
    await expect(lanes.write(target, increment('n'))).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      cause: { message: 'find' },
    });
  });

  it('takes a new session that was not inserted for failed, and inserts it on the next try', async () => {
    const { lanes, store, fresh, dataOf } = world();
    const target = fresh('k');
    store.bend = only('insert', () => Promise.reject(new Error('down')));
    await expect(lanes.write(target, from({}, { a: 1 }))).rejects.toEqual(withCode('ERR_SESSION_STORE'));
    expect([target.record, target.renewals]).toEqual([null, 0]);
    store.bend = (_call, go) => go();
    await lanes.write(target, from({}, { a: 1 }));
    expect(await dataOf(target.key)).toEqual({ a: 1 });
  });

  it('does not break the write behind: it starts from what its own request read', async () => {
    const { lanes, store, stored, reader, dataOf } = world();
    const { key } = await stored({ n: 0 });
    const [a, b, c] = [await reader(key), await reader(key), await reader(key)];
    store.bend = async (call, go) => {
      await later();
      if (call.name === 'replace' && call.nth === 2) throw new Error('once');
      return go();
    };
    const first = lanes.write(a, increment('n'));
    await later();
    const second = lanes.write(b, increment('n'));
    await first;
    await later();
    const third = lanes.write(c, increment('n'));
    await expect(second).rejects.toEqual(withCode('ERR_SESSION_STORE'));
    expect((await third).value).toBe(2);
    expect(await dataOf(key)).toEqual({ n: 2 });
  });
});

describe('a store that answers with something else', () => {
  it.each([[undefined], [null], [1], ['true'], [{}], [[]]])(
    '%p for a boolean breaks the contract',
    async (answer) => {
      for (const isNew of [true, false]) {
        const { lanes, store, fresh, stored } = world();
        const target = isNew ? fresh() : await stored({ n: 0 });
        store.bend = (call, go) => (call.name === 'find' ? go() : Promise.resolve(answer));
        const name = isNew ? 'insert' : 'replace';
        await expect(lanes.write(target, increment('n'))).rejects.toMatchObject({
          code: 'ERR_SESSION_STORE_CONTRACT',
          message: `The store's ${name}() must resolve to true or false.`,
        });
        expect(store.calls).toEqual([name]);
      }
    },
  );

  it.each([[undefined], [5], ['x'], [{}], [[]], [{ key: 'k', data: '{}' }]])(
    '%p for a record breaks the contract',
    async (answer) => {
      const { lanes, store, stored } = world();
      const target = await stored({ n: 0 });
      store.bend = (call) => Promise.resolve(call.name === 'find' ? answer : false);
      await expect(lanes.write(target, increment('n'))).rejects.toEqual(
        withCode('ERR_SESSION_STORE_CONTRACT'),
      );
      await expect(lanes.end(target.key, null)).rejects.toEqual(withCode('ERR_SESSION_STORE_CONTRACT'));
    },
  );
});

describe('a store that hangs ends nothing late (I5)', () => {
  const works: [string, (each: World) => Promise<() => Promise<unknown>>][] = [
    ['a new session', ({ lanes, fresh }) => Promise.resolve(() => lanes.write(fresh(), increment('n')))],
    [
      'a write',
      async ({ lanes, stored }) =>
        (
          (target) => () =>
            lanes.write(target, increment('n'))
        )(await stored({})),
    ],
    [
      'an end',
      async ({ lanes, stored }) =>
        (
          (target) => () =>
            lanes.end(target.key, null)
        )(await stored({})),
    ],
    [
      'a move',
      async ({ lanes, stored, fresh }) =>
        (
          (target) => () =>
            lanes.move({ ...target, record: null }, fresh())
        )(await stored({ n: 0 })),
    ],
  ];
  const hangs: [string, (nth: number, from: number) => boolean][] = [
    ['once', (nth, at) => nth === at],
    ['for ever', (nth, at) => nth >= at],
  ];

  it.each(works)(
    '%s, at whichever call, once or for ever, landed or not',
    async (_what, begin) => {
      let settled = 0;
      for (const [, hits] of hangs)
        for (const isLanded of [false, true])
          for (const isConflict of [false, true])
            for (let at = 1; at <= 6; at++) {
              const each = world();
              const work = await begin(each);
              let nth = 0;
              let conflicts = isConflict ? 2 : 0;
              each.store.bend = (call, go) => {
                if (hits(++nth, at)) return isLanded ? landsInSilence(call, go) : never();
                return call.name === 'replace' && conflicts-- > 0 ? Promise.resolve(false) : go();
              };
              const started = each.clock.now();
              const seen = watch(work(), each.clock);
              for (let ms = 0; ms < 2 * TIMEOUT && seen.at === null; ms += 50) await each.clock.advance(50);
              expect(seen.at).not.toBeNull();
              expect((seen.at ?? Infinity) - started).toBeLessThanOrEqual(TIMEOUT + SLACK);
              if (seen.error !== undefined) expect(seen.error).toMatchObject({ name: 'SessionError' });
              await each.lanes.idle();
              settled++;
            }
      expect(settled).toBe(48);
    },
    30_000,
  );
});

describe('the time in the queue counts (I5)', () => {
  it.each(['write', 'end', 'move'] as const)(
    'a %s that waits behind one that hangs ends within its own time, not within another one after it',
    async (kind) => {
      const { lanes, store, clock, stored, fresh } = world();
      const target = await stored({ n: 0 });
      store.bend = () => never();
      const first = watch(lanes.write(target, increment('n')), clock);
      await clock.advance(TIMEOUT / 2);
      const startedAt = clock.now();
      const second = {
        write: () => lanes.write(target, increment('n')),
        end: () => lanes.end(target.key, null),
        move: () => lanes.move({ ...target, record: null }, fresh()),
      }[kind];
      const seen = watch<unknown>(second(), clock);
      await clock.advance(3 * TIMEOUT);
      expect([first.error, seen.error]).toEqual([
        withCode('ERR_SESSION_STORE_TIMEOUT'),
        withCode('ERR_SESSION_STORE_TIMEOUT'),
      ]);
      expect((seen.at ?? Infinity) - startedAt).toBeLessThanOrEqual(TIMEOUT + SLACK);
    },
  );
});
