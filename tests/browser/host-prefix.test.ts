// `__Host-sid`, the name of a Secure session cookie: what browsers promise about it, and why it takes TLS.
import type { Browser, BrowserContext, Page } from 'playwright-core';

import { launch, newContext } from '../support/browser.js';
import { SECRET } from '../support/secret.js';
import { BLOG, closeSites, openShop, openSite, over, SHOP, trustIn, type Scheme, type Shop } from './site.js';

let browser: Browser;
let context: BrowserContext;
let page: Page;

/** Of another writer, on a host below the shop's: a page that sets this cookie for all of them. */
async function toss(scheme: Scheme, name: string): Promise<void> {
  const blog = await openSite(
    scheme,
    (_req, res) => {
      res.setHeader(
        'Set-Cookie',
        `${name}=forged; Domain=${SHOP}; Path=/${scheme === 'https' ? '; Secure' : ''}`,
      );
      res.end();
    },
    BLOG,
  );
  await page.goto(blog.url('/'));
}

const greeting = async (shop: Shop, host = SHOP): Promise<string> => {
  await page.goto(shop.url('/', host));
  return page.title();
};

function eachInItsContext(scheme: Scheme): void {
  beforeAll(async () => {
    browser = await launch(trustIn(scheme));
  });
  beforeEach(async () => {
    context = await newContext(browser);
    page = await context.newPage();
  });
  afterEach(async () => {
    await context.close();
    await closeSites();
  });
  afterAll(() => browser.close());
}

over(['https'], (scheme) => {
  eachInItsContext(scheme);

  it('is taken where the cookie is Secure, and belongs to its host alone', async () => {
    const shop = await openShop(scheme, { cookie: { secure: true } });
    await page.goto(shop.url('/login'));
    const cookies = await context.cookies();
    // With a domain it would begin with a dot.
    expect(cookies).toMatchObject([{ name: '__Host-sid', domain: SHOP, path: '/', secure: true }]);
    expect(await greeting(shop)).toBe('Hello ada');
    expect(await greeting(shop, BLOG)).toBe('Hello nobody');
  });

  it('cannot be set by a host below', async () => {
    const shop = await openShop(scheme, { cookie: { secure: true } });
    await page.goto(shop.url('/login'));
    const before = await context.cookies();
    await toss(scheme, '__Host-sid');
    expect(await context.cookies()).toEqual(before);
    expect(await greeting(shop)).toBe('Hello ada');
  });

  it('is refused by the browser when it has a domain or another path', async () => {
    for (const cookie of [{ domain: SHOP }, { path: '/login' }]) {
      // The manager does not make one by itself.
      const shop = await openShop(scheme, { cookie: { secure: true, ...cookie } });
      await page.goto(shop.url('/login'));
      expect(await context.cookies()).toMatchObject([{ name: 'sid' }]);
      await context.clearCookies();
    }
    const attributes = ['Path=/; Secure', `Path=/; Secure; Domain=${SHOP}`, 'Path=/login; Secure', 'Path=/'];
    const site = await openSite(scheme, (_req, res) => {
      const lines = attributes.map((text, index) => `__Host-${index}=1; ${text}`);
      res.setHeader('Set-Cookie', lines);
      res.end();
    });
    await page.goto(site.url('/login'));
    expect(await context.cookies(site.url('/login'))).toMatchObject([{ name: '__Host-0' }]);
  });
});

over(['http'], (scheme) => {
  eachInItsContext(scheme);

  it('is refused by the browser over plain HTTP, which a warning says', async () => {
    const shop = await openShop(scheme, { cookie: { secure: true } });
    const answer = await page.goto(shop.url('/login'));
    expect(await answer?.headerValue('set-cookie')).toMatch(/^__Host-sid=.*; Secure/);
    expect(await context.cookies()).toEqual([]);
    expect(await greeting(shop)).toBe('Hello nobody');
    expect(shop.warnings).toEqual(['WARN_SESSION_INSECURE']);
  });

  it('is therefore not the name where the cookie is not Secure', async () => {
    const shop = await openShop(scheme, { secret: SECRET, cookie: { secure: false } });
    await page.goto(shop.url('/login'));
    expect(await context.cookies()).toMatchObject([{ name: 'sid', secure: false }]);
    expect(await greeting(shop)).toBe('Hello ada');
    expect(shop.warnings).toEqual([]);
  });
});

over(['http', 'https'], (scheme) => {
  eachInItsContext(scheme);

  it('is found beside the cookie of that name that a host below set for all', async () => {
    const shop = await openShop(scheme, { cookieName: 'sid' });
    // Before the login and after it: browsers send the older one first.
    await toss(scheme, 'sid');
    expect(await greeting(shop)).toBe('Hello nobody');
    await page.goto(shop.url('/login'));
    expect(await context.cookies(shop.url('/'))).toHaveLength(2);
    expect(await greeting(shop)).toBe('Hello ada');
    await toss(scheme, 'sid');
    expect(await greeting(shop)).toBe('Hello ada');
  });
});
