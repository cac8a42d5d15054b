// The tables of a SQL store: their names, checked and quoted, and what makes them.
import { SessionError } from '../../core/errors.js';
import { stepsOf } from './ddl.js';
import type { Dialect, FoundColumn, TableName } from './dialect.js';
import type { Format, Names, Step } from './format.js';
import type { Values } from './statement.js';

/** Behind the name of the table of sessions: since when the sessions of a user count, the user `''` being everybody. */
const REVOKED = '_revoked';
/** Behind that, the name of its index. */
const AT = 'at';

export interface Tables {
  /** The class of the store, for messages. */
  readonly what: string;
  readonly format: Format;
  readonly sessions: TableName;
  readonly revoked: TableName;
  /** As they stand in statements. */
  readonly columns: Names;
  /** As they are. */
  readonly names: Names;
  readonly steps: readonly Step[];
  /** Whether two names are those of one column. */
  readonly isSame: (name: string, other: string) => boolean;
}

/**
 * @param what The class of the store, for messages.
 * @param table With its schema, if it has one: `app.sessions`.
 * @throws {SessionError} ERR_SESSION_OPTIONS
 */
export function tablesOf(
  dialect: Dialect,
  format: Format,
  what: string,
  table = format.table,
  columns: Readonly<Record<string, string>> = {},
): Tables {
  const wrong = (option: string, expected: string): SessionError =>
    new SessionError('ERR_SESSION_OPTIONS', `Wrong options for ${what}: "${option}" must be ${expected}.`);
  // Names stand in statements as they are: what could end one is refused (S58).
  const quoted = (name: string, option: string, maxName = dialect.maxName): string => {
    const isName = /^[\p{L}_][\p{L}\p{N}_$ -]*(?<! )$/u.test(name) && !/[\u{10000}-\u{10ffff}]/u.test(name);
    const isGood = isName && Buffer.byteLength(name) <= maxName;
    if (isGood) return `${dialect.quote}${name}${dialect.quote}`;
    throw wrong(
      option,
      `a name of 1 to ${String(maxName)} bytes: letters, digits, _, $, - and spaces within it, no digit first`,
    );
  };
  const [name = '', schema, ...rest] = table.split('.').reverse();
  if (rest.length > 0) throw wrong('table', 'a name, or a schema and a name with a dot between them');
  const fold = (column: string): string => (dialect.foldsNames ? column.toLowerCase() : column);
  const named = (end: string): TableName => ({
    schema,
    name: `${name}${end}`,
    quoted: [...(schema === undefined ? [] : [schema]), `${name}${end}`]
      .map((part) => quoted(part, 'table'))
      .join('.'),
  });
  const known = Object.entries(format.columns);
  const stranger = Object.keys(columns).find((column) => !Object.hasOwn(format.columns, column));
  if (stranger !== undefined)
    throw wrong(
      'columns',
      `names of columns under ${known.map(([column]) => column).join(', ')}; there is no "${stranger}"`,
    );
  const names = Object.fromEntries(known.map(([column, plan]) => [column, columns[column] ?? plan.name]));
  const all = Object.values(names).map((column) => column.toLowerCase());
  if (new Set(all).size < all.length) throw wrong('columns', 'different names');
  const quotedNames = Object.fromEntries(
    Object.entries(names).map(([column, own]) => [column, quoted(own, `columns.${column}`)]),
  );
  quoted(name, 'table', dialect.maxName - `${REVOKED}_${AT}`.length);
  const [revoked, sessions] = [named(REVOKED), named('')];
  const { types } = dialect;
  const lines = [`owner ${types.name} NOT NULL PRIMARY KEY`, `before_at ${types.number} NOT NULL`];
  return {
    what,
    format,
    sessions,
    revoked,
    columns: quotedNames,
    names,
    isSame: (one, other) => fold(one) === fold(other),
    steps: [
      ...format.steps(sessions, quotedNames),
      ...stepsOf(dialect, revoked, { lines, indexes: { [AT]: ['before_at'] } }),
    ],
  };
}

/** The longest texts that a table of sessions takes, bytes, where it sets a limit. */
export type Limits = Readonly<Record<string, number>>;

/** What is missing of the tables: the names of tables and columns. */
export function missingFrom(
  { sessions, revoked, names, isSame }: Tables,
  found: Readonly<Record<'sessions' | 'revoked', readonly FoundColumn[]>>,
): string[] {
  const isThere = (name: string): boolean => found.sessions.some((column) => isSame(column.name, name));
  const absent = found.revoked.length === 0 ? [revoked.name] : [];
  if (found.sessions.length === 0) return [sessions.name, ...Object.values(names), ...absent];
  return [...Object.values(names).filter((name) => !isThere(name)), ...absent];
}

/**
 * What a table that is there takes.
 * @param made Columns that are about to be made.
 * @throws {SessionError} ERR_SESSION_OPTIONS for one of another shape
 */
export function limitsOf(
  tables: Tables,
  found: readonly FoundColumn[],
  made: readonly string[] = [],
): Limits {
  const limits: Record<string, number> = {};
  for (const [column, { holds }] of Object.entries(tables.format.columns)) {
    const name = tables.names[column] ?? '';
    const there = found.find((other) => tables.isSame(other.name, name));
    if (there === undefined && made.includes(name)) continue;
    if (there === undefined) throw otherShape(tables, `it has no column "${name}"`);
    const isFit = there.holds === holds || (holds === 'seconds' && there.holds === 'number');
    if (!isFit) throw otherShape(tables, `its column "${name}" takes no ${holds}`);
    if (column === 'key' && there.isUnique === false)
      throw otherShape(tables, `its column "${name}" is not unique`);
    if (there.maxBytes !== undefined) limits[column] = there.maxBytes;
  }
  return limits;
}

/** @throws {SessionError} ERR_SESSION_TOO_LARGE for what the table would cut */
export function assertFits(values: Values, limits: Limits): void {
  for (const [column, maxBytes] of Object.entries(limits)) {
    if (Buffer.byteLength(String(values[column] ?? '')) > maxBytes)
      throw new SessionError(
        'ERR_SESSION_TOO_LARGE',
        `A session does not fit into its row: the column of "${column}" takes ${String(maxBytes)} bytes. Store less, or ` +
          'make the table as `store.ddl()` says.',
      );
  }
}

const otherShape = ({ what, sessions }: Tables, fault: string): SessionError =>
  new SessionError(
    'ERR_SESSION_OPTIONS',
    `The table ${sessions.quoted} is none of ${what}: ${fault}. Give the option "table" another name, or make the table ` +
      'as `store.ddl()` says.',
  );
