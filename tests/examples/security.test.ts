// SECURITY.md and CHANGELOG.md name files and commands that there are.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const security = read('SECURITY.md');

it('every requirement of SECURITY.md is met by a test that exists, or is the application’s', () => {
  const lines = security.match(/^\| (?!-|Requirement)[^|]+\|[^|]+\|$/gm) ?? [];
  expect(lines.length).toBeGreaterThan(25);
  for (const line of lines) {
    const files = [...line.matchAll(/`(tests\/[^`]+)`/g)].map(([, file = '']) => file);
    for (const file of files) expect([file, existsSync(join(ROOT, file))]).toEqual([file, true]);
    const isSaid = files.length > 0 || /yours|README/i.test(line);
    expect([line, isSaid]).toEqual([line, true]);
  }
});

it('every command of SECURITY.md and CHANGELOG.md exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = [security, read('CHANGELOG.md')].flatMap((text) => [...text.matchAll(/`npm run ([\w:-]+)/g)]);
  expect(named.length).toBeGreaterThan(3);
  for (const [, name = ''] of named) expect(Object.keys(scripts)).toContain(name);
});
