// Cookies, and how often an unchanged session is written: M10, M11 and M13.
import { setTimeout as pause } from 'node:timers/promises';

import { Client } from '../../support/http.js';
import { customStore } from './stores.js';
import { open, verdict, type Scenario } from './scenario.js';

const duplicateCookies: Scenario = {
  id: 'M10',
  what: 'a bad cookie of the same name in front of the good one logs nobody out',
  async run(subject) {
    await using site = await open(subject, subject.memoryStore());
    await site.client.get('/login');
    const ended = new Client(site.port);
    await ended.get('/login');
    const bad: Record<string, string> = {
      'an unsigned one': 'connect.sid=junk',
      'a forged one': 'connect.sid=s%3Ajunk.bm90LXRoZS1zaWduYXR1cmU',
      'that of an ended session': ended.cookie,
    };
    await ended.get('/logout');
    const findings: (string | false)[] = [];
    for (const [name, cookie] of Object.entries(bad)) {
      const browser = new Client(site.port);
      const { body } = await browser.get('/me', { headers: { cookie: `${cookie}; ${site.client.cookie}` } });
      findings.push(body !== 'alice' && `behind ${name}: ${body}`);
    }
    return verdict(...findings);
  },
};

const clearedCookie: Scenario = {
  id: 'M11',
  what: 'destroy() takes the cookie away from the browser',
  async run(subject) {
    await using site = await open(subject, subject.memoryStore());
    await site.client.get('/login');
    const { cookies } = await site.client.get('/logout');
    const isCleared = cookies.some((line) => {
      const [, expires = ''] = /^connect\.sid=;.*expires=([^;]+)/i.exec(line) ?? [];
      return Date.parse(expires) < Date.now() || /^connect\.sid=;.*max-age=0/i.test(line);
    });
    return verdict(!isCleared && 'the cookie stays');
  },
};

const noStore: Scenario = {
  id: 'M11',
  what: 'a response that sets the cookie must not be cached',
  async run(subject) {
    await using site = await open(subject, subject.memoryStore());
    const { cookies, headers } = await site.client.get('/login');
    if (cookies.length !== 1) throw new Error('the login sets no cookie');
    const caching = headers['cache-control'] ?? 'no Cache-Control';
    return verdict(!caching.includes('no-store') && caching);
  },
};

const READS = 10;
/** Only reads within a minute of each other. */
const SETTING = { touchAfter: 60_000, cookie: { maxAge: 3_600_000 } };

const touches: Scenario = {
  id: 'M13',
  what: `${READS} requests that only read touch a custom store 0 times (touchAfter: 60_000)`,
  async run(subject) {
    const store = customStore(subject);
    let count = 0;
    const { touch } = store;
    store.touch = (...args) => {
      count++;
      touch.apply(store, args);
    };
    await using site = await open(subject, store, SETTING);
    await site.client.get('/login');
    for (let i = 0; i < READS; i++) await site.client.get('/me');
    return verdict(count > 0 && `${count} touches`);
  },
};

const movedExpiries: Scenario = {
  id: 'M13',
  what: `${READS} requests that only read leave the expiry in the memory store alone (touchAfter: 60_000)`,
  async run(subject) {
    await using site = await open(subject, subject.memoryStore(), SETTING);
    await site.client.get('/login');
    const { body: id } = await site.client.get('/id');
    const expiryOf = () =>
      new Promise<number>((done, fail) => {
        site.store.get(id, (error, session) => {
          const { expires } = (session?.cookie ?? {}) as { expires?: string };
          if (expires === undefined) fail(new Error('the session is gone', { cause: error }));
          else done(Date.parse(expires));
        });
      });
    const seen = new Set([await expiryOf()]);
    for (let i = 0; i < READS; i++) {
      // The next millisecond at least, or two expiries could be the same.
      await pause(2);
      await site.client.get('/me');
      seen.add(await expiryOf());
    }
    return verdict(seen.size > 1 && `it moves ${seen.size - 1} times`);
  },
};

export const keepingScenarios: readonly Scenario[] = [
  duplicateCookies,
  clearedCookie,
  noStore,
  touches,
  movedExpiries,
];
