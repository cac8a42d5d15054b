// The README's code blocks, to be run.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import ts from 'typescript';

export const readme = readFileSync(resolve(__dirname, '../../README.md'), 'utf8');

export interface Block {
  readonly language: string;
  readonly code: string;
  readonly line: number;
}

const blocks: Block[] = [...readme.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map((match) => ({
  language: match[1] ?? '',
  code: match[2] ?? '',
  line: readme.slice(0, match.index).split('\n').length,
}));

/** All blocks, or those in one language. */
export const blocksOf = (language?: string): Block[] =>
  blocks.filter((block) => language === undefined || block.language === language);

/** What the TypeScript block that holds a text exports, with the package as its only import. */
export function moduleOf(text: string, required: object): unknown {
  const block = blocksOf('ts').find(({ code }) => code.includes(text));
  if (block === undefined) throw new Error(`The README has no TypeScript with ${text}`);
  const { outputText } = ts.transpileModule(block.code, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const exported = {};
  const run = Reflect.construct(Function, ['require', 'exports', outputText]) as (
    require: (name: string) => object,
    exports: object,
  ) => void;
  run(() => required, exported);
  return exported;
}
