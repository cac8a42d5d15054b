// Checks options against a zod schema: one error that names every wrong field and what it expects.
import type * as Zod from 'zod';

import { SessionError } from './errors.js';
import { loadZod } from './load-zod.js';

/** Builds fields of a schema. */
export interface Fields {
  readonly z: typeof Zod;
  /** An optional field: what it accepts, and in words what it expects. */
  readonly field: (accepts: Zod.ZodType, expects: string) => Zod.ZodType;
}

type SchemaOf = (fields: Fields) => Zod.ZodObject;

const built = new Map<SchemaOf, Zod.ZodObject>();

function build(schema: SchemaOf): Zod.ZodObject {
  const z = loadZod();
  return schema({
    z,
    field: (accepts, expects) =>
      z.custom((value) => accepts.safeParse(value).success, { error: `must be ${expects}` }).optional(),
  });
}

/**
 * @param what The constructor, for the message.
 * @param schema Built once, on first use.
 * @throws {SessionError} ERR_SESSION_OPTIONS
 */
export function checkOptions(what: string, schema: SchemaOf, options: unknown): void {
  const object = built.get(schema) ?? build(schema);
  built.set(schema, object);
  const { error } = object.safeParse(options);
  if (error === undefined) return;
  const known = Object.keys(object.shape);
  const faults = error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => unknownOption([...issue.path, key].join('.'), known));
    const where = issue.path.join('.');
    return [where === '' ? 'the options must be an object' : `"${where}" ${issue.message}`];
  });
  throw new SessionError('ERR_SESSION_OPTIONS', `Wrong options for ${what}: ${faults.join('; ')}.`);
}

function unknownOption(name: string, known: readonly string[]): string {
  const near = known.find((option) => option.toLowerCase() === name.toLowerCase());
  if (near !== undefined) return `"${name}" is not an option, "${near}" is`;
  return `"${name}" is not an option (there are: ${known.join(', ')})`;
}
