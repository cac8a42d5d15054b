// A real browser for tests: Debian's Chromium, driven by playwright-core, with a profile that is new and goes with it.
// Every name under `.test` is this machine, so that tests can have sites that a browser tells apart and does not treat
// as it treats localhost, which it trusts over plain HTTP too.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type LaunchOptions as PlaywrightOptions,
  type Page,
} from 'playwright-core';

import type { Certificate } from './certificate.js';
import { isAvailable } from './tools.js';

const EXECUTABLE = '/usr/bin/chromium';
const REPORTS = resolve(__dirname, '../../reports');

const TIMEOUT_MS = 10_000;

export const CHROMIUM = {
  name: 'Chromium',
  isThere: (): boolean => existsSync(EXECUTABLE),
  advice: 'apt-get install -y --no-install-recommends chromium',
};

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP *.test 127.0.0.1',
];

export interface LaunchOptions {
  /** Default true, as users have it: pages that were left stay in memory for the back button. */
  bfcache?: boolean;
  /** Certificates that are as good as any. Of others, pages are shown but not cached. */
  trusts?: readonly Certificate[];
}

const launchOptions = ({ bfcache = true, trusts = [] }: LaunchOptions): PlaywrightOptions => ({
  executablePath: EXECUTABLE,
  args: [
    ...ARGUMENTS,
    `--ignore-certificate-errors-spki-list=${trusts.map(({ fingerprint }) => fingerprint).join(',')}`,
  ],
  ...(bfcache ? { ignoreDefaultArgs: ['--disable-back-forward-cache'] } : null),
});

/** Those that a failed test did not close. */
const running = new Set<Browser | BrowserContext>();
const profiles: string[] = [];

afterAll(async () => {
  await Promise.all([...running].map((browser) => browser.close()));
  // A browser that has just been closed may still be writing.
  for (const path of profiles.splice(0)) rmSync(path, { recursive: true, force: true, maxRetries: 10 });
});

/** Closed after the test file at the latest; dies with the process of the test. */
export async function launch(options: LaunchOptions = {}): Promise<Browser> {
  const browser = await chromium.launch(launchOptions(options));
  running.add(browser);
  browser.on('disconnected', () => running.delete(browser));
  return browser;
}

/**
 * Another visitor: shares neither cookies nor caches with the others. A private window to the browser, which keeps
 * cookies of other sites out of it, whatever their SameSite.
 */
export async function newContext(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  context.setDefaultTimeout(TIMEOUT_MS);
  return context;
}

/**
 * A browser with one visitor who permits cookies of other sites, which this build does not by itself: SameSite alone
 * decides which requests bring cookies.
 */
export async function newProfile(options: LaunchOptions = {}): Promise<BrowserContext> {
  const directory = mkdtempSync(join(tmpdir(), 'session-store-js-profile-'));
  profiles.push(directory);
  mkdirSync(join(directory, 'Default'));
  const preferences = { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } };
  writeFileSync(join(directory, 'Default/Preferences'), JSON.stringify(preferences));
  const context = await chromium.launchPersistentContext(directory, {
    ...launchOptions(options),
    ignoreHTTPSErrors: true,
  });
  context.setDefaultTimeout(TIMEOUT_MS);
  running.add(context);
  context.on('close', () => running.delete(context));
  return context;
}

/** What a page shows, in `reports/<name>.png`. @returns the path */
export async function screenshot(page: Page, name: string): Promise<string> {
  mkdirSync(REPORTS, { recursive: true });
  const path = join(REPORTS, `${name}.png`);
  await page.screenshot({ path });
  return path;
}

/**
 * `describe` for tests that need Chromium and what else is named. Where something is missing, one test says what to
 * install instead; in CI that one fails.
 */
export function describeInBrowser(
  name: string,
  tests: () => void,
  needs: readonly (typeof CHROMIUM)[] = [],
): void {
  const missing = [CHROMIUM, ...needs].find(({ isThere }) => !isThere());
  describe(name, () => {
    if (missing === undefined) tests();
    else
      it(`is not shown here: ${missing.advice}`, () => {
        expect(isAvailable(missing.name, false, missing.advice)).toBe(false);
      });
  });
}
