// What the other tests of this folder count on: visitors share nothing, pictures are taken, no browser stays behind.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

import { describeInBrowser, launch, newContext, screenshot } from '../support/browser.js';
import { freshPath } from '../support/directory.js';

describeInBrowser('the browser of these tests', () => {
  it('has visitors who share no cookies', async () => {
    const browser = await launch();
    const [one, other] = [await newContext(browser), await newContext(browser)];
    await one.addCookies([{ name: 'sid', value: 'one', url: 'http://shop.test' }]);
    expect(await one.cookies()).toHaveLength(1);
    expect(await other.cookies()).toEqual([]);
    await browser.close();
  });

  it('takes pictures of pages', async () => {
    const page = await (await newContext(await launch())).newPage();
    await page.setContent('<p>Hello ada</p>');
    const path = await screenshot(page, 'browser-test');
    expect(path).toMatch(/reports\/browser-test\.png$/);
    expect(readFileSync(path).subarray(1, 4).toString()).toBe('PNG');
    rmSync(path);
  });

  it('dies with the test that launched it', async () => {
    const script = `
      require('playwright-core').chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] }).then(() => {
        console.log(require('node:child_process').execFileSync('pgrep', ['--parent', process.pid]).toString());
      });
    `;
    // What it cannot take away any more lies where this test can.
    const directory = freshPath();
    mkdirSync(directory);
    const test = spawn(process.execPath, ['-e', script], {
      cwd: __dirname,
      env: { ...process.env, TMPDIR: directory },
    });
    const [line] = (await once(test.stdout, 'data')) as [Buffer];
    const pid = line.toString().trim().split('\n')[0] ?? '';
    expect(isAlive(pid)).toBe(true);
    test.kill('SIGKILL');
    // Real time: another process has to see the end of a pipe.
    for (let look = 0; look < 500 && isAlive(pid); look++) await wait(20);
    expect(isAlive(pid)).toBe(false);
  });
});

/** One that has ended and that nobody has asked about yet is in the list of processes too, as a zombie. */
function isAlive(pid: string): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
