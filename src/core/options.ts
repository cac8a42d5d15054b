// Checks options against a zod schema: one error that names every wrong field and what it expects.
import type * as Zod from 'zod';

import { SessionError } from './errors.js';
import { loadZod } from './load-later.js';

/** Builds fields of a schema. */
export interface Fields {
  readonly z: typeof Zod;
  /** An optional field: what it accepts, and in words what it expects. */
  readonly field: (accepts: Zod.ZodType, expects: string) => Zod.ZodType;
}

export type SchemaOf = (fields: Fields) => Zod.ZodObject;

/** What only the drop-in takes. */
const EXPRESS_SESSION: ReadonlySet<string> = new Set(
  'resave saveUninitialized rolling unset genid proxy'.split(' '),
);

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
 * @param rules What options must keep together; may be given options of wrong types.
 * @throws {SessionError} ERR_SESSION_OPTIONS
 */
export function checkOptions<Options>(
  what: string,
  schema: SchemaOf,
  options: Options,
  rules: (options: Options) => string[] = () => [],
): void {
  const faults = optionFaults(schema, options);
  if (typeof options === 'object' && options !== null) faults.push(...rules(options));
  if (faults.length > 0)
    throw new SessionError('ERR_SESSION_OPTIONS', `Wrong options for ${what}: ${faults.join('; ')}.`);
}

/** What is wrong with options, field by field. */
export function optionFaults(schema: SchemaOf, options: unknown): string[] {
  const object = built.get(schema) ?? build(schema);
  built.set(schema, object);
  const { error } = object.safeParse(options);
  return (error?.issues ?? []).flatMap((issue) => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) =>
        unknownOption([...issue.path, key].join('.'), key, optionsAt(object, issue.path)),
      );
    const where = issue.path.join('.');
    return [where === '' ? 'the options must be an object' : `"${where}" ${issue.message}`];
  });
}

/** The names of the options at a place: those of `cookie` for `cookie.samesite`. */
function optionsAt(schema: Zod.ZodObject, path: readonly PropertyKey[]): string[] {
  let { shape } = schema as { shape: Readonly<Record<PropertyKey, unknown>> };
  for (const name of path) {
    const nested = shape[name] as Partial<Zod.ZodOptional<Zod.ZodObject>>;
    shape = (nested.unwrap?.() ?? schema).shape;
  }
  return Object.keys(shape);
}

function unknownOption(where: string, key: string, known: readonly string[]): string {
  if (EXPRESS_SESSION.has(key)) return `"${where}" is an option of session-store-js/express-session`;
  const near = known.find((option) => option.toLowerCase() === key.toLowerCase());
  if (near !== undefined) return `"${where}" is not an option, "${near}" is`;
  return `"${where}" is not an option (there are: ${known.join(', ')})`;
}
