// The calls of a handler that have not settled yet: the response waits for them, and fails with the first that nobody awaited.
import { SessionError } from '../../src/core/errors.js';
import { OpenCalls } from '../../src/http/open-calls.js';

interface Deferred<T = void> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

function deferred<T = void>(): Deferred<T> {
  let resolve!: Deferred<T>['resolve'];
  let reject!: Deferred<T>['reject'];
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** How the wait for the calls ends, as far as it has. */
function waitFor(open: OpenCalls): { outcome: 'waits' | 'done' | { failed: unknown } } {
  const seen: ReturnType<typeof waitFor> = { outcome: 'waits' };
  open.settled().then(
    () => (seen.outcome = 'done'),
    (failed: unknown) => (seen.outcome = { failed }),
  );
  return seen;
}

const unhandled: unknown[] = [];
const note = (error: unknown): unknown => unhandled.push(error);

beforeEach(() => process.on('unhandledRejection', note));

afterEach(async () => {
  await turn();
  process.off('unhandledRejection', note);
  expect(unhandled.splice(0)).toEqual([]);
});

it('waits for nothing where nothing was asked for, or all of it has settled', async () => {
  const open = new OpenCalls();
  await open.settled();
  await open.watch(Promise.resolve());
  await turn();
  const seen = waitFor(open);
  await turn();
  expect(seen.outcome).toBe('done');
});

it('hands back the call itself, whose value and fault are the caller’s', async () => {
  const open = new OpenCalls();
  const [good, bad] = [Promise.resolve(5), Promise.reject(new Error('bad'))];
  expect(open.watch(good)).toBe(good);
  expect(open.watch(bad)).toBe(bad);
  expect(await good).toBe(5);
  await expect(bad).rejects.toThrow('bad');
});

it('waits until the last of them has settled, in whatever order they do', async () => {
  const open = new OpenCalls();
  const [first, second, third] = [deferred(), deferred(), deferred()];
  for (const { promise } of [first, second, third]) void open.watch(promise);
  const seen = waitFor(open);
  for (const call of [third, first]) {
    call.resolve();
    await turn();
    expect(seen.outcome).toBe('waits');
  }
  second.resolve();
  await turn();
  expect(seen.outcome).toBe('done');
});

it('waits for none that is begun while it waits: that one is for whoever waits next', async () => {
  const open = new OpenCalls();
  const [first, late] = [deferred(), deferred()];
  void open.watch(first.promise);
  const seen = waitFor(open);
  void open.watch(late.promise);
  const next = waitFor(open);
  first.resolve();
  await turn();
  expect([seen.outcome, next.outcome]).toEqual(['done', 'waits']);
  late.reject('late');
  await turn();
  expect([seen.outcome, next.outcome]).toEqual(['done', { failed: 'late' }]);
});

it('fails as the first that failed, but only when the others have settled', async () => {
  const open = new OpenCalls();
  const [asked, failsLater, failsFirst] = [deferred(), deferred(), deferred()];
  for (const { promise } of [asked, failsLater, failsFirst]) void open.watch(promise);
  const seen = waitFor(open);
  failsFirst.reject('first');
  await turn();
  failsLater.reject('later');
  await turn();
  expect(seen.outcome).toBe('waits');
  asked.resolve();
  await turn();
  expect(seen.outcome).toEqual({ failed: 'first' });
});

it.each([undefined, null, 0, ''])('fails as a call that rejects with %p', async (fault) => {
  const open = new OpenCalls();
  const call = deferred();
  void open.watch(call.promise);
  const seen = waitFor(open);
  call.reject(fault);
  await turn();
  expect(seen.outcome).toEqual({ failed: fault });
});

it('does not fail for a session that was ended elsewhere, and not any less for another fault beside that', async () => {
  for (const [other, outcome] of [
    [undefined, 'done'],
    [new Error('other'), { failed: new Error('other') }],
  ] as const) {
    const open = new OpenCalls();
    const [ended, call] = [deferred(), deferred()];
    void open.watch(ended.promise);
    void open.watch(call.promise);
    const seen = waitFor(open);
    ended.reject(new SessionError('ERR_SESSION_ENDED', 'ended'));
    if (other === undefined) call.resolve();
    else call.reject(other);
    await turn();
    expect(seen.outcome).toEqual(outcome);
  }
});

it('does not fail for a call that failed before anybody waited: its caller was told', async () => {
  const open = new OpenCalls();
  const [told, other] = [deferred(), deferred()];
  void open.watch(other.promise);
  await Promise.all([
    expect(open.watch(told.promise)).rejects.toBe('told'),
    Promise.resolve().then(() => told.reject('told')),
  ]);
  const seen = waitFor(open);
  other.resolve();
  await turn();
  expect(seen.outcome).toBe('done');
});

describe('a call whose failure harms no response', () => {
  it('is waited for, and its fault is told once', async () => {
    const open = new OpenCalls();
    const faults: unknown[] = [];
    const call = deferred();
    void open.watch(call.promise, (error) => faults.push(error));
    const seen = waitFor(open);
    await turn();
    expect([seen.outcome, faults]).toEqual(['waits', []]);
    call.reject('fault');
    await turn();
    expect([seen.outcome, faults]).toEqual(['done', ['fault']]);
  });

  it('has told its fault before the response goes on', async () => {
    const open = new OpenCalls();
    const order: string[] = [];
    const call = deferred();
    void open.watch(call.promise, () => order.push('fault'));
    const waiting = open.settled().then(() => order.push('response'));
    call.reject('fault');
    await waiting;
    expect(order).toEqual(['fault', 'response']);
  });

  it('keeps no response for ever whose listener throws', async () => {
    const open = new OpenCalls();
    const call = deferred();
    void open.watch(call.promise, () => {
      throw new Error('of the listener');
    });
    const seen = waitFor(open);
    call.reject('fault');
    await turn();
    expect(seen.outcome).toEqual({ failed: new Error('of the listener') });
  });

  it('has nothing to tell where it succeeds, or where another one fails', async () => {
    const open = new OpenCalls();
    const faults: unknown[] = [];
    const [harmless, other] = [deferred(), deferred()];
    void open.watch(harmless.promise, (error) => faults.push(error));
    void open.watch(other.promise);
    const seen = waitFor(open);
    harmless.resolve();
    other.reject('other');
    await turn();
    expect([seen.outcome, faults]).toEqual([{ failed: 'other' }, []]);
  });
});

it('waits again, for what was asked for since, and not with what failed between', async () => {
  const open = new OpenCalls();
  const [first, between, last] = [deferred(), deferred(), deferred()];
  void open.watch(first.promise);
  const before = waitFor(open);
  first.resolve();
  await turn();
  expect(before.outcome).toBe('done');
  void open.watch(last.promise);
  void open.watch(between.promise);
  between.reject('between');
  await turn();
  const seen = waitFor(open);
  await turn();
  expect(seen.outcome).toBe('waits');
  last.resolve();
  await turn();
  expect(seen.outcome).toBe('done');
});
