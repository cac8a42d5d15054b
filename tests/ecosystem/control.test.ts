// What the cells are worth: under express-session itself, requests that overlap lose writes and bring back the session.
import { startApp, read, type App } from './app.js';
import { EXPRESS_SESSION } from './faces.js';
import { expressSession } from './packages.js';

describe('express-session itself', () => {
  let app: App;

  beforeAll(async () => {
    const { MemoryStore } = expressSession();
    app = await startApp(EXPRESS_SESSION, new MemoryStore());
  });

  afterAll(() => app.close());

  it('keeps one of 20 overlapping writes of different keys', async () => {
    const browser = app.browser();
    await browser.get('/login?user=ada');
    const keys = Array.from({ length: 20 }, (_, index) => `key${index}`);

    const writes = keys.map((key) => browser.clone().get(`/slow?key=${key}`));
    await app.waiting(keys.length);
    app.letGo();
    await Promise.all(writes);

    const data = await read(browser);
    expect(keys.filter((key) => data[key] === true)).toHaveLength(1);
  });

  it('brings a session back with a slow request that began before the logout', async () => {
    const browser = app.browser();
    await browser.get('/login?user=ada');
    const old = browser.clone();

    const slow = old.clone().get('/slow?key=late');
    await app.waiting(1);
    await browser.get('/logout');
    app.letGo();
    await slow;

    expect(await read(old)).toEqual({ user: 'ada', late: true });
  });
});
