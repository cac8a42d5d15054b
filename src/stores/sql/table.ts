// The tables of a SQL store: their names, checked and quoted, and the statements that make them.
import { SessionError } from '../../core/errors.js';
import type { Dialect, FoundColumn, TableName } from './dialect.js';

/** The columns of sessions, by what they hold, under the names that they have unless told otherwise. */
export const COLUMNS = {
  /** Grows from session to session: the order of lists. */
  number: 'number',
  key: 'session_key',
  version: 'version',
  data: 'data',
  createdAt: 'created_at',
  /** NEVER: none. */
  deadlineAt: 'deadline_at',
  idleMs: 'idle_ms',
  /** When it ends, whoever says so. */
  expiresAt: 'expires_at',
  /** 1: its own word, 0: the store's. */
  isOwnEnd: 'is_own_end',
  owner: 'owner',
  meta: 'meta',
  closed: 'closed',
} as const;

export type Column = keyof typeof COLUMNS;
export type ColumnNames = Readonly<Record<Column, string>>;

const TEXTS: ReadonlySet<Column> = new Set<Column>(['key', 'version', 'data', 'owner', 'meta', 'closed']);

/** Behind the name of the table of sessions: since when sessions of a user count, the user `''` being everybody. */
const REVOKED = '_revoked';

/** The names of a store in its database. */
export interface Tables {
  readonly sessions: TableName;
  readonly revoked: TableName;
  /** Quoted. */
  readonly columns: ColumnNames;
  /** As they are. */
  readonly columnNames: ColumnNames;
  /** The statements that make what is missing. */
  readonly ddl: readonly string[];
}

/**
 * @param table With its schema, if it has one: `app.sessions`.
 * @throws {SessionError} ERR_SESSION_OPTIONS
 */
export function tablesOf(
  dialect: Dialect,
  what: string,
  table: string,
  columns: Partial<ColumnNames> = {},
): Tables {
  const quoted = (name: string, option: string): string => {
    if (isName(name, dialect.maxName)) return `${dialect.quote}${name}${dialect.quote}`;
    throw wrong(
      what,
      option,
      `a name of 1 to ${String(dialect.maxName)} bytes: letters, digits, _, $, - and spaces, no digit first`,
    );
  };
  const path = table.split('.');
  if (path.length > 2) throw wrong(what, 'table', 'a name, or a schema and a name with a dot between them');
  const bare = path.at(-1) ?? '';
  const schema = path.length > 1 ? path[0] : undefined;
  const named = (name: string): TableName => ({
    schema,
    name,
    quoted: [...path.slice(0, -1), name].map((part) => quoted(part, 'table')).join('.'),
  });
  const columnNames = { ...COLUMNS, ...columns };
  const all = Object.values(columnNames).map((name) => name.toLowerCase());
  if (new Set(all).size < all.length) throw wrong(what, 'columns', 'different names');
  const entries = Object.entries(columnNames);
  const quotedColumns = Object.fromEntries(
    entries.map(([column, name]) => [column, quoted(name, `columns.${column}`)]),
  ) as ColumnNames;
  const tables = {
    // Checked with what comes behind it.
    revoked: named(`${bare}${REVOKED}`),
    sessions: named(bare),
    columns: quotedColumns,
    columnNames,
  };
  return { ...tables, ddl: ddlOf(dialect, tables) };
}

/** Names stand in statements as they are: what could end one is refused (S58). */
const isName = (name: string, maxBytes: number): boolean =>
  /^[\p{L}_][\p{L}\p{N}_$ -]*$/u.test(name) && Buffer.byteLength(name) <= maxBytes;

function ddlOf(dialect: Dialect, { sessions, revoked, columns: c }: Omit<Tables, 'ddl'>): string[] {
  const { types, indexes, tableOptions, quote } = dialect;
  const lines = [
    `${c.number} ${types.sequence}`,
    `${c.key} ${types.name} NOT NULL UNIQUE`,
    `${c.version} ${types.name} NOT NULL`,
    `${c.data} ${types.text} NOT NULL`,
    `${c.createdAt} ${types.number} NOT NULL`,
    `${c.deadlineAt} ${types.number} NOT NULL`,
    `${c.idleMs} ${types.number}`,
    `${c.expiresAt} ${types.number} NOT NULL`,
    `${c.isOwnEnd} ${types.number} NOT NULL`,
    `${c.owner} ${types.name}`,
    `${c.meta} ${types.text}`,
    `${c.closed} ${types.text}`,
  ];
  const indexed: readonly [string, string][] = [
    [`${quote}${sessions.name}_end${quote}`, `(${c.expiresAt})`],
    [`${quote}${sessions.name}_user${quote}`, `(${c.owner}, ${c.number})`],
  ];
  const made = (name: TableName, parts: readonly string[]): string =>
    `CREATE TABLE IF NOT EXISTS ${name.quoted} (\n  ${parts.join(',\n  ')}\n)${tableOptions}`;
  const inside = indexes === 'inside' ? indexed.map(([name, on]) => `INDEX ${name} ${on}`) : [];
  const after = indexes === 'after' ? indexed : [];
  return [
    made(sessions, [...lines, ...inside]),
    ...after.map(([name, on]) => `CREATE INDEX IF NOT EXISTS ${name} ON ${sessions.quoted} ${on}`),
    made(revoked, [`owner ${types.name} NOT NULL PRIMARY KEY`, `before_at ${types.number} NOT NULL`]),
  ];
}

/** The longest texts that a table of sessions takes, bytes, where it sets a limit. */
export type Limits = Partial<Readonly<Record<Column, number>>>;

/**
 * What a table that is there takes.
 * @throws {SessionError} ERR_SESSION_OPTIONS for one of another shape
 */
export function limitsOf(what: string, tables: Tables, found: readonly FoundColumn[]): Limits {
  const limits: Partial<Record<Column, number>> = {};
  for (const [column, name] of Object.entries(tables.columnNames) as [Column, string][]) {
    const there = found.find((other) => other.name.toLowerCase() === name.toLowerCase());
    const holds = TEXTS.has(column) ? 'text' : 'number';
    if (there === undefined) throw otherShape(what, tables, `it has no column "${name}"`);
    if (there.holds !== holds) throw otherShape(what, tables, `its column "${name}" takes no ${holds}`);
    if (column === 'key' && there.isUnique === false)
      throw otherShape(what, tables, `its column "${name}" is not unique`);
    if (there.maxBytes !== undefined) limits[column] = there.maxBytes;
  }
  return limits;
}

const otherShape = (what: string, { sessions }: Tables, fault: string): SessionError =>
  new SessionError(
    'ERR_SESSION_OPTIONS',
    `The table ${sessions.quoted} is none of ${what}: ${fault}. Give the option "table" another name, or make the table ` +
      'as `store.ddl()` says.',
  );

const wrong = (what: string, option: string, expected: string): SessionError =>
  new SessionError('ERR_SESSION_OPTIONS', `Wrong options for ${what}: "${option}" must be ${expected}.`);
