// What `require` of the package loads of others: nothing that only a manager, a breaker or options to check need.
import type { SessionManager } from '../../src/session-manager.js';
import { SECRET } from '../support/secret.js';

const LATER = ['cockatiel', 'zod'] as const;

/** What is loaded of those packages while `work` runs, in a process that has loaded nothing. */
async function loadedBy(work: () => Promise<unknown>): Promise<string[]> {
  const loaded: string[] = [];
  for (const name of LATER)
    jest.doMock(name, () => {
      loaded.push(name);
      return jest.requireActual<object>(name);
    });
  try {
    await jest.isolateModulesAsync(async () => {
      await work();
    });
  } finally {
    for (const name of LATER) jest.dontMock(name);
  }
  return loaded.sort();
}

const main = async () => (await import('../../src/index.cjs')).default;
const dropIn = async () => (await import('../../src/express-session/index.cjs')).default;
const manager = async (options: object = {}): Promise<SessionManager> =>
  new (await main())({ secret: SECRET, ...options });

it.each([
  ['session-store-js', main],
  ['session-store-js/express-session', dropIn],
])('neither cockatiel nor zod is loaded by require(%p)', async (_name, entry) => {
  let found: unknown;
  expect(await loadedBy(async () => (found = await entry()))).toEqual([]);
  expect(typeof found).toBe('function');
});

it('cockatiel is loaded by a manager that has a breaker, which is the default, and by no other', async () => {
  const close = async (made: SessionManager): Promise<void> => made.close();
  expect(await loadedBy(async () => close(await manager()))).toEqual(['cockatiel', 'zod']);
  expect(await loadedBy(async () => close(await manager({ breaker: { failures: 3 } })))).toContain(
    'cockatiel',
  );
  expect(await loadedBy(async () => close(await manager({ breaker: false })))).toEqual(['zod']);
});
