// A deployment changes from express-session to the drop-in and back, on the sessions that it has: nobody is logged out.
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import type { Client } from '../support/http.js';
import { REDIS } from '../support/services/redis.js';
import { isAvailable } from '../support/tools.js';
import { read, startApp, write, type App } from './app.js';
import { DROP_IN, EXPRESS_SESSION, HOUR_MS, type Face } from './faces.js';
import { madeRedisStore, type MadeRedisStore } from './redis.js';

const SESSIONS = 1_000;
const AT_ONCE = 16;
/** What scripts/test-ecosystem.mjs prints at its end. */
const REPORT = resolve(__dirname, '../../reports/switch-over.txt');

/** Calls `work` for each, a few at a time. */
async function forEach<T>(all: readonly T[], work: (one: T, index: number) => Promise<void>): Promise<void> {
  const rest = all.entries();
  const worker = async (): Promise<void> => {
    for (const [index, one] of rest) await work(one, index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

const DIRECTIONS = [
  { from: EXPRESS_SESSION, to: DROP_IN },
  { from: DROP_IN, to: EXPRESS_SESSION },
];

describe.each(DIRECTIONS)('sessions made $from.title, switched over', ({ from, to }) => {
  if (!REDIS.isThere()) {
    it(`is not shown here: ${REDIS.advice}`, () => {
      expect(isAvailable('switch-over', false, REDIS.advice)).toBe(false);
    });
    return;
  }

  let made: MadeRedisStore;
  const apps: App[] = [];

  beforeAll(async () => {
    made = await madeRedisStore('connect-redis');
  });

  afterAll(async () => {
    for (const app of apps) await app.close();
    await made.close();
  });

  /** A process of the deployment. */
  const deploy = async (face: Face): Promise<App> => {
    const app = await startApp(face, made.store);
    apps.push(app);
    return app;
  };

  it(`to sessions ${to.title} and back: ${SESSIONS} are read, changed and handed back, none logged out`, async () => {
    const started = performance.now();
    const first = await deploy(from);
    const browsers = Array.from({ length: SESSIONS }, () => first.browser());
    await forEach(browsers, async (browser, index) => {
      await browser.get(`/login?user=user${index}`);
      await write(browser, 'cart', [index]);
    });
    const cookies = new Set(browsers.map(({ cookie }) => cookie));
    expect(cookies.size).toBe(SESSIONS);
    const ttls = await timesLeft(made);
    const shapesBefore = await shapes(made);

    const loggedOut: string[] = [];
    const counts = { read: 0, changed: 0, back: 0 };
    /** The same browsers, with what they have in their jars, at another process. */
    const visit = async (
      face: Face,
      expected: (index: number) => object,
      change: (browser: Client) => Promise<void>,
    ): Promise<number> => {
      const app = await deploy(face);
      let found = 0;
      await forEach(browsers, async (browser, index) => {
        const here = app.browser();
        here.cookie = browser.cookie;
        const data = await read(here);
        if (data['user'] === `user${index}`) found++;
        else loggedOut.push(`user${index}`);
        expect(data).toEqual(expected(index));
        await change(here);
        // Neither the reading nor the change gave it another cookie.
        expect(cookies.has(here.cookie)).toBe(true);
      });
      return found;
    };

    counts.read = await visit(
      to,
      (index) => ({ user: `user${index}`, cart: [index] }),
      async (browser) => {
        await write(browser, 'by', to.title);
        counts.changed++;
      },
    );
    counts.back = await visit(
      from,
      (index) => ({ user: `user${index}`, cart: [index], by: to.title }),
      (browser) => write(browser, 'back', true),
    );
    await visit(
      to,
      (index) => ({ user: `user${index}`, cart: [index], by: to.title, back: true }),
      async () => undefined,
    );

    expect({ ...counts, loggedOut }).toEqual({
      read: SESSIONS,
      changed: SESSIONS,
      back: SESSIONS,
      loggedOut: [],
    });
    expect(await shapes(made)).toEqual(shapesBefore);
    // As many keys as sessions, none without an end: neither package wrote what the other would not.
    for (const left of [ttls, await timesLeft(made)]) {
      expect(left).toHaveLength(SESSIONS);
      expect(Math.min(...left)).toBeGreaterThan(HOUR_MS / 1_000 - 300);
      expect(Math.max(...left)).toBeLessThanOrEqual(HOUR_MS / 1_000);
    }
    note(
      `${SESSIONS} sessions made ${from.title}: ${counts.read} read and ${counts.changed} changed ${to.title}, ` +
        `${counts.back} handed back, ${loggedOut.length} logged out ` +
        `(${((performance.now() - started) / 1_000).toFixed(1)} s)`,
    );
  }, 120_000);
});

interface Stored {
  readonly cookie: { readonly originalMaxAge: number };
}

async function timesLeft({ client }: MadeRedisStore): Promise<number[]> {
  const keys = await client.keys('myapp:*');
  return Promise.all(keys.map((key) => client.ttl(key)));
}

/**
 * Of the cookies in the stored texts: their fields, in their order, and what does not change. `originalMaxAge` in
 * seconds: express-session counts it down from the clock and loses a millisecond now and then.
 */
async function shapes({ client }: MadeRedisStore): Promise<string[]> {
  const keys = await client.keys('myapp:*');
  const texts = await Promise.all(keys.map((key) => client.get(key)));
  const cookies = texts.map((text) => (JSON.parse(text ?? '{}') as Stored).cookie);
  const constant = ({ originalMaxAge, ...rest }: Stored['cookie']): object => ({
    originalMaxAge: Math.round(originalMaxAge / 1_000),
    ...rest,
    expires: 'a date',
  });
  return [...new Set(cookies.map((cookie) => JSON.stringify(constant(cookie))))];
}

function note(line: string): void {
  mkdirSync(dirname(REPORT), { recursive: true });
  appendFileSync(REPORT, `${line}\n`);
}
