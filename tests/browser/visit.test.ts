// A visit as its user has it: login, reload, more tabs, logout.
import { setTimeout as wait } from 'node:timers/promises';

import type { Browser, BrowserContext, Page } from 'playwright-core';

import { launch, newContext } from '../support/browser.js';
import { DelayedStore } from '../support/delayed-store.js';
import { closeSites, openShop, over, show, trustIn, type Shop } from './site.js';

over(['http', 'https'], (scheme) => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let shop: Shop;

  beforeAll(async () => {
    browser = await launch(trustIn(scheme));
  });
  beforeEach(async () => {
    shop = await openShop(scheme);
    context = await newContext(browser);
    page = await context.newPage();
    await page.goto(shop.url('/login'));
  });
  afterEach(async () => {
    await context.close();
    await closeSites();
  });
  afterAll(() => browser.close());

  const visit = async (tab: Page): Promise<string> => {
    await tab.goto(shop.url('/'));
    return tab.title();
  };

  it('goes on over reloads and in new tabs, and not for another visitor', async () => {
    expect(await visit(page)).toBe('Hello ada');
    await page.reload();
    expect(await page.title()).toBe('Hello ada');
    expect(await visit(await context.newPage())).toBe('Hello ada');
    const stranger = await newContext(browser);
    expect(await visit(await stranger.newPage())).toBe('Hello nobody');
    await stranger.close();
  });

  it('ends with the logout, in all tabs, and the cookie with it', async () => {
    const tab = await context.newPage();
    expect(await visit(tab)).toBe('Hello ada');
    await page.goto(shop.url('/account/logout'));
    expect(await page.title()).toBe('Bye');

    expect(await context.cookies()).toEqual([]);
    expect(await visit(page)).toBe('Hello nobody');
    await tab.reload();
    expect(await tab.title()).toBe('Hello nobody');
    expect(await visit(await context.newPage())).toBe('Hello nobody');
    expect(await shop.sessions.count()).toBe(0);
  });

  it('is over for a cookie that somebody kept through the logout', async () => {
    const kept = await context.cookies();
    await page.goto(shop.url('/account/logout'));
    await context.addCookies(kept);
    expect(await visit(page)).toBe('Hello nobody');
  });

  it('leaves nothing behind for those who never log in', async () => {
    const stranger = await newContext(browser);
    expect(await visit(await stranger.newPage())).toBe('Hello nobody');
    expect(await stranger.cookies()).toEqual([]);
    await stranger.close();
  });
});

over(['http', 'https'], (scheme) => {
  afterEach(closeSites);

  it('is there on the page that a login form leads to, however slow the store is', async () => {
    const store = new DelayedStore(150);
    const shop = await openShop(scheme, { store, load: 'eager' }, (app, sessions) => {
      app.get('/form', (_req, res) => {
        res.type('html').send('<form method="post" action="/enter"><button>Log in</button></form>');
      });
      app.post('/enter', (req, res) => {
        sessions.session(req)['user'] = 'grace';
        res.redirect(303, '/account');
      });
    });
    const browser = await launch(trustIn(scheme));
    const page = await (await newContext(browser)).newPage();
    await page.goto(shop.url('/form'));
    await page.click('button');
    await page.waitForURL('**/account');
    expect(await page.title()).toBe('Hello grace');
    expect(shop.seen).toEqual(['GET /account by grace']);
    await browser.close();
  });

  it('keeps what twenty requests of one page set at the same time', async () => {
    const keys = Array.from({ length: 20 }, (_, index) => `key${index}`);
    let now = 0;
    let most = 0;
    const shop = await openShop(scheme, { load: 'eager' }, (app, sessions) => {
      app.get('/set/:key', async (req, res) => {
        most = Math.max(most, ++now);
        // Real time, for the browser to send the others: all of them have read the session when one writes.
        await wait(30);
        sessions.session(req)[req.params.key] = true;
        now--;
        show(res, req.params.key);
      });
      app.get('/keys', async (req, res) => {
        res.json(Object.keys(await sessions.all(req)));
      });
    });
    const browser = await launch(trustIn(scheme));
    const page = await (await newContext(browser)).newPage();
    await page.goto(shop.url('/login'));
    const statuses = await page.evaluate(
      `Promise.all(${JSON.stringify(keys)}.map((key) => fetch('/set/' + key).then(({ status }) => status)))`,
    );
    expect(statuses).toEqual(keys.map(() => 200));
    const stored = await page.evaluate('fetch("/keys").then((res) => res.json())');
    expect((stored as string[]).sort()).toEqual([...keys, 'user'].sort());
    // As many as a browser has connections to one host.
    expect(most).toBeGreaterThan(2);
    await browser.close();
  });
});
