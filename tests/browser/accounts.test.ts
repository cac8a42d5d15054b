// The example of accounts as its users have it: login, the list of devices, ending them, logout.
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';

import { app, sessions } from '../../examples/accounts-server.js';
import { launch, newContext, screenshot } from '../support/browser.js';
import { closeSites, ELSEWHERE, openSite, over, trustIn, type Site } from './site.js';

const LIST = 'Devices of ada';
const LOGIN = 'Log in';
const DAY_S = 86_400;
const PHONE = 'Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0';

afterAll(() => sessions.close());

over(['http', 'https'], (scheme) => {
  let browser: Browser;
  let contexts: BrowserContext[];
  let site: Site;

  beforeAll(async () => {
    browser = await launch(trustIn(scheme));
  });
  beforeEach(async () => {
    contexts = [];
    site = await openSite(scheme, app);
  });
  afterEach(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    await closeSites();
    await sessions.clearAllSessions();
  });
  afterAll(() => browser.close());

  /** The page of a browser that has not been here yet. */
  async function arrive(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await newContext(browser, options);
    contexts.push(context);
    const page = await context.newPage();
    await page.goto(site.url('/'));
    expect(await heading(page)).toBe(LOGIN);
    return page;
  }

  const heading = (page: Page): Promise<string> => page.getByRole('heading').innerText();

  /** Presses a button, and is there when the page that it leads to is. */
  async function press(page: Page, name: string): Promise<void> {
    const loaded = page.waitForEvent('load');
    await page.getByRole('button', { name, exact: true }).click();
    await loaded;
  }

  async function fillIn(page: Page, password: string): Promise<void> {
    await page.getByLabel('Name').fill('ada');
    await page.getByLabel('Password').fill(password);
  }

  async function device(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await arrive(options);
    await fillIn(page, 'lovelace');
    const loaded = page.waitForEvent('load');
    await page.keyboard.press('Enter');
    await loaded;
    expect(await heading(page)).toBe(LIST);
    return page;
  }

  /** Each device of the list: its name, and what is said of it or may be done to it. */
  async function devices(page: Page): Promise<[name: string, session: string][]> {
    await page.reload();
    const rows = await page
      .getByRole('row')
      .filter({ has: page.getByRole('rowheader') })
      .all();
    return Promise.all(
      rows.map(async (row): Promise<[string, string]> => [
        await row.getByRole('rowheader').innerText(),
        await row.getByRole('cell').last().innerText(),
      ]),
    );
  }

  it('says once that the password is wrong', async () => {
    const page = await arrive();
    await fillIn(page, 'wrong');
    await press(page, 'Log in');
    const notice = page.getByRole('status');
    expect(await notice.innerText()).toBe('Wrong name or password.');
    expect(await heading(page)).toBe(LOGIN);
    await page.reload();
    expect(await heading(page)).toBe(LOGIN);
    expect(await notice.count()).toBe(0);
  });

  it('lists two devices, the current one marked, and ends the other at its next click', async () => {
    const laptop = await device();
    const phone = await device({ userAgent: PHONE });
    const laptopName = String(await laptop.evaluate('navigator.userAgent'));
    expect(laptopName).not.toBe(PHONE);
    expect((await devices(laptop)).sort()).toEqual(
      [
        [laptopName, 'This device'],
        [PHONE, 'End'],
      ].sort(),
    );
    expect(await devices(phone)).toContainEqual([laptopName, 'End']);
    expect(await devices(phone)).toContainEqual([PHONE, 'This device']);
    await screenshot(laptop, `accounts-${scheme}`);

    await press(laptop, 'End');
    expect(await devices(laptop)).toEqual([[laptopName, 'This device']]);
    // It shows the list from before, of which nothing works any more.
    await press(phone, 'End all others');
    expect(await heading(phone)).toBe('Log in again');
    expect(await devices(laptop)).toHaveLength(1);

    await fillIn(phone, 'lovelace');
    await press(phone, 'Log in');
    expect(await devices(phone)).toHaveLength(2);
    expect(await devices(laptop)).toContainEqual([PHONE, 'End']);
  });

  it('ends all others at once', async () => {
    const [laptop, ...others] = [await device(), await device(), await device()];
    expect(await devices(laptop)).toHaveLength(3);
    await press(laptop, 'End all others');
    expect(await devices(laptop)).toHaveLength(1);
    for (const other of others) {
      await other.reload();
      expect(await heading(other)).toBe(LOGIN);
    }
  });

  it('shows no private page with the back button after the logout', async () => {
    const page = await device();
    await page.goto(site.url('/?again'));
    expect(await heading(page)).toBe(LIST);
    await press(page, 'Log out');
    expect(await heading(page)).toBe(LOGIN);
    expect(await page.context().cookies()).toEqual([]);

    await page.goBack({ waitUntil: 'commit' });
    await page.waitForFunction('document.readyState === "complete"');
    expect(page.url()).toBe(site.url('/?again'));
    expect(await heading(page)).toBe(LOGIN);
  });

  it.each([
    ['30 days, if that was asked for', true, 30 * DAY_S],
    ['an hour otherwise', false, 3_600],
  ])('keeps the cookie for %s', async (_name, isRemembered, life) => {
    const page = await arrive();
    await fillIn(page, 'lovelace');
    await page.getByLabel('Remember me').setChecked(isRemembered);
    const before = Date.now() / 1_000;
    await press(page, 'Log in');
    expect(await heading(page)).toBe(LIST);
    const [cookie, ...others] = await page.context().cookies();
    expect(others).toEqual([]);
    expect(cookie?.expires).toBeGreaterThanOrEqual(before + life - 1);
    expect(cookie?.expires).toBeLessThanOrEqual(Date.now() / 1_000 + life + 1);
  });

  it('hides the cookie from scripts', async () => {
    const page = await device();
    await page.evaluate('document.cookie = "theme=dark"');
    expect(await page.context().cookies()).toHaveLength(2);
    expect(await page.evaluate('document.cookie')).toBe('theme=dark');
  });

  it('shows markup in the name of a device as text', async () => {
    const markup = '<img src=x onerror="document.title = `taken`"><b>bold</b>';
    const attacker = await device({ userAgent: markup });
    const page = await device();
    expect(await devices(page)).toContainEqual([markup, 'End']);
    expect(await page.locator('img, b').count()).toBe(0);
    expect(await page.title()).toBe(LIST);
    await attacker.close();
  });

  it('refuses the login form of another site', async () => {
    const page = await arrive();
    await page.goto(site.url('/', ELSEWHERE));
    await fillIn(page, 'lovelace');
    const action = JSON.stringify(site.url('/login'));
    await page.evaluate(`document.querySelector('form [formaction]').formAction = ${action}`);
    await press(page, 'Log in');
    expect(page.url()).toBe(site.url('/login'));
    expect(await page.innerText('body')).toBe('Forbidden');
    expect(await sessions.count()).toBe(0);
  });
});
