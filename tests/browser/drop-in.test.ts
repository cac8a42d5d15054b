// The drop-in for express-session in a real browser.
import express from 'express';
import type { Browser, BrowserContext, Page } from 'playwright-core';

import session from '../../src/express-session/index.js';
import { launch, newContext } from '../support/browser.js';
import { SECRET } from '../support/secret.js';
import { closeSites, openSite, over, SHOP, show, trustIn, type Site } from './site.js';

over(['http', 'https'], (scheme) => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let site: Site;

  beforeAll(async () => {
    browser = await launch(trustIn(scheme));
  });
  beforeEach(async () => {
    const app = express();
    app.get('/favicon.ico', (_req, res) => {
      res.status(404).end();
    });
    const cookie = { secure: scheme === 'https', maxAge: 600_000 };
    app.use(session({ secret: SECRET, resave: false, saveUninitialized: false, cookie }));
    app.get('/', (req, res) => {
      const visit = req.session as unknown as { views?: number };
      visit.views = (visit.views ?? 0) + 1;
      show(res, `View ${visit.views}`);
    });
    app.get('/account/logout', (req, res, next) => {
      req.session.destroy((error: unknown) => {
        if (error === undefined || error === null) show(res, 'Bye');
        else next(error);
      });
    });
    site = await openSite(scheme, app);
    context = await newContext(browser);
    page = await context.newPage();
    await page.goto(site.url('/'));
  });
  afterEach(async () => {
    await context.close();
    await closeSites();
  });
  afterAll(() => browser.close());

  it('counts the views of a visitor over reloads and tabs', async () => {
    expect(await page.title()).toBe('View 1');
    await page.reload();
    expect(await page.title()).toBe('View 2');
    const tab = await context.newPage();
    await tab.goto(site.url('/'));
    expect(await tab.title()).toBe('View 3');
  });

  it("has express-session's name and attributes, and is not shown to scripts", async () => {
    const secure = scheme === 'https';
    expect(await context.cookies()).toMatchObject([
      { name: 'connect.sid', domain: SHOP, path: '/', httpOnly: true, secure },
    ]);
    expect(await page.evaluate('document.cookie')).toBe('');
  });

  it('begins anew after the logout', async () => {
    await page.goto(site.url('/account/logout'));
    expect(await page.title()).toBe('Bye');
    expect(await context.cookies()).toEqual([]);
    await page.goto(site.url('/'));
    expect(await page.title()).toBe('View 1');
  });
});
