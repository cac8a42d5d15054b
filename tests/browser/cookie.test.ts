// What a browser makes of the session's cookie: its attributes, and what scripts of a page can do about it.
import type { Browser, BrowserContext, Cookie, Page } from 'playwright-core';

import { launch, newContext } from '../support/browser.js';
import { BLOG, closeSites, openShop, over, SHOP, trustIn, type Shop } from './site.js';

over(['http', 'https'], (scheme) => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;

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

  const name = scheme === 'https' ? '__Host-sid' : 'sid';
  const login = (shop: Shop): Promise<unknown> => page.goto(shop.url('/login'));
  const visit = async (shop: Shop, path = '/', host = SHOP): Promise<string> => {
    await page.goto(shop.url(path, host));
    return page.title();
  };
  const only = async (): Promise<Cookie> => {
    const cookies = await context.cookies();
    expect(cookies).toHaveLength(1);
    return cookies[0] as Cookie;
  };

  it('has the default attributes, and lives as long as its session', async () => {
    const maxAge = 600_000;
    const shop = await openShop(scheme, { maxAge });
    const before = Date.now();
    await login(shop);
    const after = Date.now();
    const { expires, value, ...attributes } = await only();
    expect(attributes).toEqual({
      name,
      domain: SHOP,
      path: '/',
      httpOnly: true,
      secure: scheme === 'https',
      sameSite: 'Lax',
    });
    expect(value).not.toBe('');
    expect(expires * 1_000).toBeGreaterThanOrEqual(before + maxAge - 1_000);
    expect(expires * 1_000).toBeLessThanOrEqual(after + maxAge + 1_000);
  });

  it('is Secure where the page is, if that is to be found out', async () => {
    await login(await openShop(scheme, { cookie: { secure: 'auto' } }));
    expect(await only()).toMatchObject({ name: 'sid', secure: scheme === 'https' });
  });

  it('comes below its path only', async () => {
    const shop = await openShop(scheme, { cookie: { path: '/login' } });
    await login(shop);
    expect(await only()).toMatchObject({ name: 'sid', path: '/login' });
    expect(await visit(shop, '/login/more')).toBe('Hello ada');
    expect(await visit(shop, '/')).toBe('Hello nobody');
  });

  it('stays with its host', async () => {
    const shop = await openShop(scheme);
    await login(shop);
    expect(await visit(shop, '/', BLOG)).toBe('Hello nobody');
  });

  it('goes to hosts below its domain, if it has one', async () => {
    const shop = await openShop(scheme, { cookie: { domain: SHOP } });
    await login(shop);
    expect(await only()).toMatchObject({ name: 'sid', domain: `.${SHOP}` });
    expect(await visit(shop, '/', BLOG)).toBe('Hello ada');
  });

  it('moves its end with the visits', async () => {
    const shop = await openShop(scheme, { maxAge: 600_000, touchAfter: 0 });
    await login(shop);
    const first = await only();
    // Real time: browsers have no other.
    await page.waitForTimeout(1_100);
    await visit(shop);
    const second = await only();
    expect(second.value).toBe(first.value);
    expect(second.expires).toBeGreaterThanOrEqual(first.expires + 1);
  });

  it('is not shown to scripts', async () => {
    await login(await openShop(scheme));
    // One that they may see, so that there is something to see.
    await page.evaluate('document.cookie = "theme=dark"');
    expect(await page.evaluate('document.cookie')).toBe('theme=dark');
    // Over plain HTTP browsers do not have it.
    const names = 'globalThis.cookieStore?.getAll().then((all) => all.map(({ name }) => name)) ?? null';
    expect(await page.evaluate(names)).toEqual(scheme === 'https' ? ['theme'] : null);
  });

  it('is neither replaced nor removed by scripts', async () => {
    const shop = await openShop(scheme);
    await login(shop);
    const { value } = await only();
    const end = 'Max-Age=0';
    for (const change of ['Path=/', `Path=/; ${end}`, `Path=/; Secure`, `Path=/; Domain=${SHOP}; ${end}`]) {
      await page.evaluate(`document.cookie = '${name}=forged; ${change}'`);
      expect(await visit(shop)).toBe('Hello ada');
    }
    expect((await only()).value).toBe(value);
  });

  it('is found behind one of the same name that a script put before it', async () => {
    const shop = await openShop(scheme, { cookieName: 'sid' });
    await login(shop);
    // A longer path is sent first.
    await page.evaluate('document.cookie = "sid=forged; Path=/account"');
    expect(await context.cookies(shop.url('/account'))).toHaveLength(2);
    expect(await visit(shop, '/account')).toBe('Hello ada');
  });
});
