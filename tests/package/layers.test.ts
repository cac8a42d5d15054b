// The folders of src and what may know what: `LAYERS` from the outermost to the innermost, imports point down only.
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';

import { loadESLint } from 'eslint';
import ts from 'typescript';

const ROOT = resolve(__dirname, '../..');
const LAYERS = [
  'index',
  'session-manager',
  'express-session',
  'http',
  'commit',
  'layers',
  'stores',
  'testing',
  'core',
] as const;

/** The layer of a file of src, by its path in there without its extension. `session-data` is none: the top two use it. */
function layerOf(path: string): number {
  const [first = ''] = path.split('/');
  return LAYERS.findIndex((name) => name === first);
}

function importsOf(file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(ROOT, 'src', file), 'utf8'), true, true);
  return importedFiles.map(({ fileName }) => fileName);
}

const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => /\.c?ts$/.test(file));

describe('the imports of src', () => {
  it('are found at all', () => {
    expect(sources.length).toBeGreaterThan(30);
    expect(importsOf('session-manager.ts')).toContain('./http/engine.js');
    expect(importsOf('index.cts')).toEqual(['./index.js']);
  });

  it('point down the list of folders only', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      const from = layerOf(file.replace(/\.c?ts$/, ''));
      for (const specifier of importsOf(file)) {
        if (specifier.startsWith('session-store-js')) wrong.push(`${file} imports the package`);
        if (!specifier.startsWith('.')) continue;
        const target = posix.join(posix.dirname(file), specifier).replace(/\.js$/, '');
        if (target === 'session-data') {
          if (from > 1) wrong.push(`${file} imports ${specifier}`);
        } else if (layerOf(target) === -1 || (from === -1 ? target !== '' : layerOf(target) < from))
          wrong.push(`${file} imports ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('the lint rule', () => {
  /** The rules about imports that the project's configuration has for a file, on text of our own. */
  async function lint(file: string, text: string): Promise<string[]> {
    const ESLint = await loadESLint({ useFlatConfig: false });
    const eslint = new ESLint({ cwd: ROOT });
    const config = (await eslint.calculateConfigForFile(join(ROOT, file))) as {
      rules: Record<string, unknown>;
    };
    const rule = '@typescript-eslint/no-restricted-imports';
    const alone = new ESLint({
      cwd: ROOT,
      useEslintrc: false,
      overrideConfig: {
        parser: '@typescript-eslint/parser',
        parserOptions: { sourceType: 'module' },
        plugins: ['@typescript-eslint'],
        rules: { [rule]: config.rules[rule] as never },
      },
    });
    const [result] = await alone.lintText(text, { filePath: join(ROOT, file) });
    return result?.messages.map(({ ruleId, message }) => `${String(ruleId)}: ${message}`) ?? [];
  }

  const fileIn = (layer: string): string =>
    layer === 'session-manager' ? `src/${layer}.ts` : `src/${layer}/a-file.ts`;
  const specifier = (from: string, to: string): string => {
    const up = from === 'session-manager' ? './' : '../';
    return `${up}${to === 'index' || to === 'session-manager' ? to : `${to}/a-file`}.js`;
  };
  const pairs = LAYERS.slice(1).flatMap((from) =>
    LAYERS.filter((to) => to !== from).map((to) => [from, to] as const),
  );
  const isUp = ([from, to]: readonly [string, string]): boolean => layerOf(to) < layerOf(from);

  it.each(pairs.filter(isUp))('refuses an import from %s up to %s', async (from, to) => {
    const text = `import { a } from '${specifier(from, to)}';\nexport const b = a;\n`;
    expect(await lint(fileIn(from), text)).toEqual([expect.stringContaining('Imports point down only')]);
    const types = `export type { A } from '${specifier(from, to)}';\n`;
    expect(await lint(fileIn(from), types)).toEqual([expect.stringContaining('Imports point down only')]);
  });

  it.each(pairs.filter((pair) => !isUp(pair)))('allows an import from %s down to %s', async (from, to) => {
    expect(
      await lint(fileIn(from), `import { a } from '${specifier(from, to)}';\nexport const b = a;\n`),
    ).toEqual([]);
  });

  it('allows siblings, also those that are called index', async () => {
    expect(await lint('src/core/ids.ts', "export * from './errors.js';\n")).toEqual([]);
    expect(await lint('src/http/engine.ts', "export * from './session-cookie.js';\n")).toEqual([]);
  });

  it.each(['http', 'stores', 'core'])('refuses the package itself and the data type in %s', async (layer) => {
    expect(await lint(fileIn(layer), "export * from 'session-store-js';\n")).toHaveLength(1);
    expect(await lint(fileIn(layer), "export * from '../session-data.js';\n")).toHaveLength(1);
  });
});
