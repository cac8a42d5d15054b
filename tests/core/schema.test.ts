// The application's schema: what it makes of data, and the errors that tell where data does not fit and never what it is.
import { z } from 'zod';

import { DataSchema, isStandardSchema, type StandardSchema } from '../../src/core/schema.js';

const withCode = (code: string): Error => expect.objectContaining({ code }) as Error;
const answering = (validate: StandardSchema['~standard']['validate']): StandardSchema => ({
  '~standard': { version: 1, vendor: 'by hand', validate },
});
const good = answering((value) => ({ value }));

it('knows a Standard Schema, objects and functions, from what is none', () => {
  const fn = Object.assign(() => undefined, good);
  for (const schema of [z.object({}), good, fn]) expect(isStandardSchema(schema)).toBe(true);
  for (const value of [null, undefined, 1, 'x', {}, [], { '~standard': {} }, { '~standard': null }, () => 1])
    expect(isStandardSchema(value)).toBe(false);
});

it('gives what the schema makes of stored data', () => {
  const schema = new DataSchema(z.object({ n: z.coerce.number(), theme: z.string().default('light') }));
  expect(schema.read({ n: '1', more: true }, 0)).toEqual({ n: 1, theme: 'light' });
  expect(schema.version).toBe(0);
});

it('migrates data of another version before it validates, and none of its own', () => {
  const seen: unknown[] = [];
  const migrate = (data: Record<string, unknown>, version: number): Record<string, unknown> => {
    seen.push(version);
    return { n: data['old'] };
  };
  const schema = new DataSchema(z.object({ n: z.number() }), 2, migrate);
  expect(schema.read({ old: 5 }, 1)).toEqual({ n: 5 });
  expect(schema.read({ old: 6 }, 3)).toEqual({ n: 6 });
  expect(schema.read({ n: 7 }, 2)).toEqual({ n: 7 });
  expect(seen).toEqual([1, 3]);
  expect(() => new DataSchema(z.object({ n: z.number() }), 2).read({ old: 1 }, 1)).toThrow(
    withCode('ERR_SESSION_SCHEMA'),
  );
});

it('throws what migrate throws', () => {
  const fault = new Error('no way');
  const schema = new DataSchema(good, 1, () => {
    throw fault;
  });
  expect(() => schema.read({}, 0)).toThrow(fault);
});

it('checks text that is to be stored', () => {
  const schema = new DataSchema(z.object({ n: z.number() }));
  expect(() => schema.check('{"n":1}')).not.toThrow();
  expect(() => schema.check('{"n":"1"}')).toThrow(withCode('ERR_SESSION_SCHEMA'));
});

it('S41 names the places, five at most and each once, and not the values', () => {
  const path = (...parts: PropertyKey[]) => ({ message: 'hunter2 is wrong', path: parts });
  const issues = [
    path('user', { key: 0 } as never, 'name'),
    path('user', 0, 'name'),
    path('b'),
    { message: 'hunter2' },
    path(Symbol('s')),
    path('e'),
    path('f'),
  ];
  const schema = new DataSchema(answering(() => ({ issues })));
  const message = (work: () => void): string => {
    try {
      work();
    } catch (error) {
      return (error as Error).message;
    }
    return 'it did not throw';
  };
  const told = message(() => schema.check('{}'));
  expect(told).toContain('"user.0.name", "b", "", "Symbol(s)", "e".');
  expect(told).not.toMatch(/hunter2|"f"|migrate/);
  expect(message(() => schema.read({ pin: 'hunter2' }, 0))).toMatch(
    /stored data .* schemaVersion and give migrate/,
  );
});

it('refuses a promise, whatever becomes of it', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): unknown => unhandled.push(error);
  process.on('unhandledRejection', note);
  for (const promise of [Promise.resolve({ value: {} }), Promise.reject(new Error('later'))]) {
    const schema = new DataSchema(answering(() => promise));
    expect(() => schema.check('{}')).toThrow(withCode('ERR_SESSION_SCHEMA'));
    expect(() => schema.read({}, 0)).toThrow(/without a promise/);
  }
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});
