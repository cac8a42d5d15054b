// Requests that a page of another site makes to the shop in its visitor's browser: which of them bring the session.
import type { BrowserContext, Page } from 'playwright-core';

import { newProfile } from '../support/browser.js';
import { closeSites, ELSEWHERE, openShop, openSite, over, trustIn, type Scheme, type Shop } from './site.js';

/** Each is what a page of the other site does with an address of the shop, and what the shop sees then. */
const WAYS = {
  'a form that posts': [
    'POST /buy',
    `const form = Object.assign(document.createElement('form'), { method: 'POST', action: url });
     document.body.append(form);
     form.submit();`,
  ],
  'fetch with credentials': ['GET /buy', `fetch(url, { mode: 'no-cors', credentials: 'include' });`],
  'fetch that posts': [
    'POST /buy',
    `fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include' });`,
  ],
  'an image': ['GET /buy', `document.body.append(Object.assign(new Image(), { src: url }));`],
  'a frame': [
    'GET /buy',
    `document.body.append(Object.assign(document.createElement('iframe'), { src: url }));`,
  ],
  'a link': [
    'GET /buy',
    `const link = Object.assign(document.createElement('a'), { href: url });
     document.body.append(link);
     link.click();`,
  ],
} as const;
type Way = keyof typeof WAYS;

const ALL = Object.keys(WAYS) as Way[];

/** Each is two sites for a browser: another registrable name, another host. */
const NAMES = ['shop.test', ELSEWHERE] as const;
const LOCAL = ['localhost', '127.0.0.1'] as const;

interface Case {
  sameSite: 'lax' | 'strict' | 'none';
  hosts: readonly [shop: string, elsewhere: string];
  brings: readonly Way[];
}

function cases(scheme: Scheme, { sameSite, hosts: [host, elsewhere], brings }: Case): void {
  describe(`to ${host} from ${elsewhere}, with SameSite=${sameSite}`, () => {
    let context: BrowserContext;
    let page: Page;
    let shop: Shop;

    beforeAll(async () => {
      context = await newProfile(trustIn(scheme));
    });
    beforeEach(async () => {
      shop = await openShop(scheme, { cookie: { secure: scheme === 'https', sameSite } });
      const other = await openSite(scheme, (_req, res) => {
        res.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Elsewhere</title><body>');
      });
      page = await context.newPage();
      await page.goto(shop.url('/login', host));
      await page.goto(other.url('/', elsewhere));
    });
    afterEach(async () => {
      await page.close();
      await context.clearCookies();
      await closeSites();
    });
    afterAll(() => context.close());

    it.each(ALL)('%s', async (way) => {
      const [request, script] = WAYS[way];
      const visit = shop.nextVisit();
      await page.evaluate(`{ const url = ${JSON.stringify(shop.url('/buy', host))}; ${script} }`);
      expect(await visit).toBe(`${request} by ${brings.includes(way) ? 'ada' : 'nobody'}`);
      // Whatever it was, the session goes on.
      const tab = await context.newPage();
      await tab.goto(shop.url('/', host));
      expect(await tab.title()).toBe('Hello ada');
      await tab.close();
    });
  });
}

over(['http', 'https'], (scheme) => {
  for (const hosts of [NAMES, LOCAL]) cases(scheme, { sameSite: 'lax', hosts, brings: ['a link'] });
  cases(scheme, { sameSite: 'strict', hosts: NAMES, brings: [] });
});

// What the other two keep away.
over(['https'], (scheme) => {
  cases(scheme, { sameSite: 'none', hosts: NAMES, brings: ALL });
});
