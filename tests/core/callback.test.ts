// Promise methods that also take a callback.
import { answer, type Callback } from '../../src/core/callback.js';
import { runInChild } from '../support/child.js';

const called = <T>(promise: Promise<T>): Promise<[unknown, T | undefined]> =>
  new Promise((resolve) => {
    const callback: Callback<T> = (error, result) => {
      resolve([error, result]);
    };
    void answer(promise, callback).catch(() => undefined);
  });

it('returns the promise itself where there is no callback', () => {
  const promise = Promise.resolve(1);
  expect(answer(promise, undefined)).toBe(promise);
  expect(answer(promise, 'no function' as unknown as Callback<number>)).toBe(promise);
});

it('calls back with null and the result, and returns the promise as well', async () => {
  expect(await called(Promise.resolve(42))).toEqual([null, 42]);
  const promise = Promise.resolve(1);
  expect(answer(promise, () => undefined)).toBe(promise);
});

it('calls back with the error and nothing else', async () => {
  const error = new Error('broken');
  expect(await called(Promise.reject(error))).toEqual([error, undefined]);
});

it('makes an error of a rejection with nothing: a callback must see that it failed', async () => {
  // A store may reject with anything; undefined is the point here.
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what such stores do
  const [error] = await called(Promise.reject(undefined));
  expect(error).toBeInstanceOf(Error);
  expect((error as Error).message).toBe('The store failed without saying why.');
});

it('calls back later, never before the method returns', () => {
  let done = false;
  void answer(Promise.resolve(), () => {
    done = true;
  });
  expect(done).toBe(false);
});

describe('leaves to the process', () => {
  /** What becomes of a callback that throws or a promise that fails, in a process that listens to both. */
  const outcomeOf = async (call: string): Promise<unknown> => {
    const { output, errors } = await runInChild(`
      const { answer } = src('core/callback');
      const seen = { calls: 0, uncaught: [], rejected: [] };
      process.on('uncaughtException', (error) => seen.uncaught.push(error.message));
      process.on('unhandledRejection', (error) => seen.rejected.push(error.message));
      process.on('exit', () => console.log(JSON.stringify(seen)));
      ${call}
    `);
    expect(errors).toBe('');
    return JSON.parse(output);
  };

  it.each([
    ['after a success', 'Promise.resolve(1)'],
    ['after a failure', "Promise.reject(new Error('store'))"],
  ])('what a callback throws %s, once, as an exception and not as a rejection', async (_when, promise) => {
    const call = `answer(${promise}, () => { seen.calls++; throw new Error('bug'); });`;
    expect(await outcomeOf(call)).toEqual({ calls: 1, uncaught: ['bug'], rejected: [] });
  });

  it('no rejection that a callback was told, and each one that nobody was', async () => {
    const told = "answer(Promise.reject(new Error('store')), () => seen.calls++);";
    expect(await outcomeOf(told)).toEqual({ calls: 1, uncaught: [], rejected: [] });
    const untold = "answer(Promise.reject(new Error('store')), undefined);";
    expect(await outcomeOf(untold)).toEqual({ calls: 0, uncaught: [], rejected: ['store'] });
  });
});
