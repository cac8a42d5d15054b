// The back button after a logout. A page that carries the session's cookie is not kept by the browser, because its
// response has `no-store` from us; a private page that came without the cookie has to say so itself.
import type { Browser, BrowserContext, Page } from 'playwright-core';

import { launch, newContext } from '../support/browser.js';
import { closeSites, openShop, over, show, trustIn, type Shop } from './site.js';

/** For `touchAfter`: whether the cookie comes with each use of the session, or not again so soon after the login. */
const CARRIES_COOKIE = 0;
const CARRIES_NONE = 60_000;

const PRIVATE = 'The letters of ada';

over(['http', 'https'], (scheme) => {
  describe.each([
    ['with pages kept in memory', true],
    ['without them', false],
  ])('%s', (_name, bfcache) => {
    let browser: Browser;
    let context: BrowserContext;
    let page: Page;
    let shop: Shop;

    beforeAll(async () => {
      browser = await launch({ bfcache, ...trustIn(scheme) });
    });
    afterAll(() => browser.close());
    afterEach(async () => {
      await context.close();
      await closeSites();
    });

    /** @param headers Those that the app itself gives its private page. */
    async function open(touchAfter: number, headers: Record<string, string> = {}): Promise<void> {
      shop = await openShop(scheme, { touchAfter }, (app, sessions) => {
        app.get('/letters', async (req, res) => {
          res.set(headers);
          show(res, (await sessions.has(req, 'user')) ? PRIVATE : 'Log in first');
        });
        app.get('/terms', (_req, res) => {
          show(res, 'For everybody');
        });
      });
      context = await newContext(browser);
      page = await context.newPage();
      await page.goto(shop.url('/login'));
    }

    /** Opens the private page. @returns its Cache-Control and whether the cookie came with it */
    async function read(): Promise<{ caching: string | null; hasCookie: boolean }> {
      const answer = await page.goto(shop.url('/letters'));
      expect(await page.title()).toBe(PRIVATE);
      return {
        caching: (await answer?.headerValue('cache-control')) ?? null,
        hasCookie: (await answer?.headerValue('set-cookie')) !== null,
      };
    }

    async function back(): Promise<string> {
      // A page that was kept does not load again.
      await page.goBack({ waitUntil: 'commit' });
      await page.waitForFunction('document.readyState === "complete"');
      expect(page.url()).toBe(shop.url('/letters'));
      return page.title();
    }

    it('shows no page that carried the cookie', async () => {
      await open(CARRIES_COOKIE);
      expect(await read()).toEqual({ caching: 'no-store', hasCookie: true });
      await page.goto(shop.url('/account/logout'));
      expect(await back()).toBe('Log in first');
    });

    it('shows none either when the logout was in another tab', async () => {
      await open(CARRIES_COOKIE);
      await read();
      await page.goto(shop.url('/terms'));
      await (await context.newPage()).goto(shop.url('/account/logout'));
      expect(await back()).toBe('Log in first');
    });

    it('shows none that said no-store itself, without the cookie', async () => {
      await open(CARRIES_NONE, { 'Cache-Control': 'no-store' });
      expect(await read()).toEqual({ caching: 'no-store', hasCookie: false });
      await page.goto(shop.url('/account/logout'));
      expect(await back()).toBe('Log in first');
    });

    if (bfcache)
      it('shows one that said nothing and carried no cookie', async () => {
        await open(CARRIES_NONE);
        expect(await read()).toEqual({ caching: null, hasCookie: false });
        await page.goto(shop.url('/account/logout'));
        expect(await back()).toBe(PRIVATE);
      });
    else
      it('asks again for one that said nothing and carried no cookie, because it varies with it', async () => {
        await open(CARRIES_NONE);
        expect(await read()).toEqual({ caching: null, hasCookie: false });
        await page.goto(shop.url('/account/logout'));
        expect(await back()).toBe('Log in first');
      });
  });
});
