// Two entries, one face: what `import` finds in index.ts, `require` finds in index.cts.
import { resolve } from 'node:path';

import ts from 'typescript';

import * as imported from '../../src/index.js';
import Required = require('../../src/index.cjs');

const SRC = resolve(__dirname, '../../src');
const entries = { esm: resolve(SRC, 'index.ts'), cjs: resolve(SRC, 'index.cts') };
const program = ts.createProgram(Object.values(entries), {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  strict: true,
  exactOptionalPropertyTypes: true,
  types: ['node'],
});
const checker = program.getTypeChecker();

function moduleOf(file: string): ts.Symbol {
  const source = program.getSourceFile(file);
  const symbol = source && checker.getSymbolAtLocation(source);
  if (symbol === undefined) throw new Error(`${file} is no module`);
  return symbol;
}

const resolved = (symbol: ts.Symbol): ts.Symbol =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

/** Names of types, each with how many type parameters it takes. */
function typesIn(symbols: readonly ts.Symbol[]): string[] {
  return symbols
    .filter((symbol) => symbol.name !== 'default' && resolved(symbol).flags & ts.SymbolFlags.Type)
    .map((symbol) => `${symbol.name}/${String(parameters(resolved(symbol)))}`)
    .sort();
}

function parameters(symbol: ts.Symbol): number {
  const [declaration] = symbol.declarations ?? [];
  return (declaration as { typeParameters?: unknown[] } | undefined)?.typeParameters?.length ?? 0;
}

const esm = checker.getExportsOfModule(moduleOf(entries.esm));
const exportEquals = moduleOf(entries.cjs).exports?.get(ts.InternalSymbolName.ExportEquals);
const cjs = resolved(exportEquals as ts.Symbol);

it('index.cts exports the same type names as index.ts, with the same type parameters', () => {
  const types = typesIn([...(cjs.exports?.values() ?? [])]);
  expect(types.length).toBeGreaterThan(30);
  expect(types).toEqual(typesIn(esm));
});

it('index.cts declares the same values as index.ts', () => {
  const isValue = (symbol: ts.Symbol): boolean => (resolved(symbol).flags & ts.SymbolFlags.Value) !== 0;
  const declared = checker
    .getPropertiesOfType(checker.getTypeOfSymbol(cjs))
    .map(({ name }) => name)
    .filter((name) => name !== 'prototype');
  expect(declared.sort()).toEqual(
    esm
      .filter(isValue)
      .map(({ name }) => name)
      .filter((name) => name !== 'default')
      .sort(),
  );
});

it('require gives the class itself, with every named export as a property', () => {
  expect(Required).toBe(imported.SessionManager);
  for (const [name, value] of Object.entries(imported))
    expect((Required as unknown as Record<string, unknown>)[name]).toBe(value);
});

it('no export is called as a property that every class has', () => {
  expect(Object.keys(imported).filter((name) => ['name', 'length', 'prototype'].includes(name))).toEqual([]);
});
