// What the store asks of mysql2: a pool or a connection, with promises or with callbacks, handed in and never imported.
import type { EventEmitter } from 'node:events';

import { SessionError } from '../../core/errors.js';
import type { Database, FoundColumn, TableName } from '../sql/dialect.js';
import { OTHER_SHAPE, type Advice } from '../sql/faults.js';
import { prepareTables } from '../sql/prepare.js';
import { valuesFor, type Row, type Statement, type Value, type Values } from '../sql/statement.js';
import type { Limits, Tables } from '../sql/tables.js';

interface Query {
  sql: string;
  values: Value[];
  rowsAsArray: false;
  nestTables: false;
  typeCast: true;
}

/** A pool or a connection of mysql2, 3 or later. */
export interface MysqlClient {
  execute(query: Query, ...rest: never[]): unknown;
}

/** With promises. */
interface Promising {
  execute(query: Query): Promise<[unknown, unknown]>;
}

/** What a write returns. */
interface Written {
  readonly affectedRows: number;
  readonly info: string;
}

/** By name (https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html) or by what mysql2 itself says. */
const ADVICE: Advice = [
  [
    /ACCESS_DENIED|ER_SPECIFIC_ACCESS|AUTH_/,
    'the server refuses the user: look at its password and its rights on the tables',
  ],
  [/ER_BAD_DB_ERROR|ER_NO_DB_ERROR/, 'there is no such database on the server, or the client names none'],
  [/ER_NO_SUCH_TABLE|ER_BAD_FIELD_ERROR|ER_NO_DEFAULT_FOR_FIELD/, OTHER_SHAPE],
  [
    /ER_OPTION_PREVENTS_STATEMENT|ER_READ_ONLY|ER_CANT_EXECUTE_IN_READ_ONLY/,
    'the server takes no writes: it is a replica, or read-only; connect to the primary',
  ],
  [
    /ER_CON_COUNT|ER_TOO_MANY_USER_CONNECTIONS|ER_USER_LIMIT_REACHED/,
    'the server has no connection left: lower `connectionLimit` of the pools, or raise max_connections',
  ],
  [
    /Queue limit reached|No connections available/,
    'the pool has no connection to spare: look at its `queueLimit`',
  ],
  [
    /ER_QUERY_TIMEOUT|ER_STATEMENT_TIMEOUT|max_statement_time|PROTOCOL_SEQUENCE_TIMEOUT|ER_QUERY_INTERRUPTED/,
    'a statement took longer than its timeout',
  ],
  [/ER_LOCK_WAIT_TIMEOUT/, 'a row was locked for longer than innodb_lock_wait_timeout'],
  [/ER_DISK_FULL|ER_RECORD_FILE_FULL|ER_OUT_?OF|ER_ENGINE_OUT/, 'the server is out of disk or of memory'],
  [/ER_DATA_TOO_LONG/, 'a session is larger than a column takes: make the table as `store.ddl()` says'],
  [
    /ER_NET_PACKET_TOO_LARGE|max_allowed_packet|ER_TOO_BIG/,
    'a session is larger than the server takes: raise max_allowed_packet, or store less',
  ],
  [
    /closed state|Pool is closed|is in closed|after fatal error|Cannot enqueue/,
    'the client is closed: a single connection that broke stays so, a pool opens another one',
  ],
  [
    /PROTOCOL_CONNECTION_LOST|ECONN|ENOTFOUND|EHOSTUNREACH|ETIMEDOUT|EPIPE|ENOENT|ER_SERVER_SHUTDOWN|ER_CONNECTION_KILLED|closed the connection/,
    'the server cannot be reached',
  ],
];

export class MysqlDatabase implements Database {
  readonly patienceMs = 1_000;
  readonly advice = ADVICE;
  readonly client: MysqlClient & Partial<EventEmitter>;
  readonly #promising: Promising;

  constructor(client: MysqlClient) {
    this.client = client;
    const { promise } = client as { promise?: () => unknown };
    // Those with callbacks know how to become one with promises.
    this.#promising = (typeof promise === 'function' ? promise.call(client) : client) as Promising;
  }

  async rows(statement: Statement, values: Values): Promise<readonly Row[]> {
    const rows = (await this.#execute(statement.sql, bound(statement, values))) as Row[];
    return rows.map(textsOf);
  }

  async run(statement: Statement, values: Values): Promise<number> {
    const { affectedRows, info } = (await this.#execute(statement.sql, bound(statement, values))) as Written;
    // A client without the flag FOUND_ROWS counts changed rows as affected.
    const matched = /^Rows matched: (\d+)/.exec(info);
    return matched === null ? affectedRows : Number(matched[1]);
  }

  async prepare(tables: Tables, creates: boolean): Promise<Limits> {
    await this.#assertUnicode();
    const server = {
      describe: (table: TableName) => this.#describe(table),
      make: (text: string) => this.#execute(text, []),
    };
    return prepareTables(server, tables, creates);
  }

  isDuplicate(error: unknown): boolean {
    return codeOf(error) === 'ER_DUP_ENTRY';
  }

  isCollision(error: unknown): boolean {
    return codeOf(error) === 'ER_LOCK_DEADLOCK';
  }

  isMissing(error: unknown): boolean {
    return ['ER_NO_SUCH_TABLE', 'ER_BAD_FIELD_ERROR'].includes(codeOf(error));
  }

  told(error: unknown): string {
    return toldOf(error);
  }

  async #execute(sql: string, values: Value[]): Promise<unknown> {
    const [result] = await this.#promising.execute({
      sql,
      values,
      rowsAsArray: false,
      nestTables: false,
      typeCast: true,
    });
    return result;
  }

  /** Texts come as the client's character set has them: one without some characters would lose those. */
  async #assertUnicode(): Promise<void> {
    const [row] = (await this.#execute('SELECT @@character_set_client AS charset', [])) as Row[];
    const { charset } = textsOf(row ?? {});
    if (charset !== 'utf8mb4')
      throw new SessionError(
        'ERR_SESSION_OPTIONS',
        `Wrong options for MysqlStore: the "client" speaks ${String(charset)}; open it with charset: 'utf8mb4'.`,
      );
  }

  async #describe({ schema, name }: TableName): Promise<FoundColumn[]> {
    const about = async (sql: string): Promise<Row[]> => {
      const where = 'WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?';
      return ((await this.#execute(`${sql} ${where}`, [schema ?? null, name])) as Row[]).map(textsOf);
    };
    const columns = await about(
      'SELECT column_name AS name, data_type AS type, character_set_name AS charset, ' +
        // The one counts characters, the other bytes.
        'LEAST(character_maximum_length, character_octet_length) AS bytes FROM information_schema.columns',
    );
    const indexed = await about(
      'SELECT index_name AS name, column_name AS part, sub_part AS length, non_unique AS repeats ' +
        'FROM information_schema.statistics',
    );
    const isUnique = (column: unknown): boolean =>
      indexed.some(
        ({ name: index, part, length, repeats }) =>
          part === column &&
          length === null &&
          Number(repeats) === 0 &&
          indexed.filter((other) => other['name'] === index).length === 1,
      );
    return columns.map(({ name: column, type, bytes, charset }) => ({
      name: String(column),
      holds: holdsOf(String(type), charset),
      isUnique: isUnique(column),
      ...(bytes == null ? null : { maxBytes: Number(bytes) }),
    }));
  }
}

function holdsOf(type: string, charset: unknown): FoundColumn['holds'] {
  if (/^(bigint|decimal|double)$/i.test(type)) return 'number';
  if (/^int$/i.test(type)) return 'seconds';
  return /(char|text|binary|blob)$/i.test(type) && (charset === null || charset === 'utf8mb4')
    ? 'text'
    : 'else';
}

/** mysql2 sends numbers as doubles, which MySQL refuses behind LIMIT. (Texts would be compared as texts elsewhere.) */
const bound = (statement: Statement, values: Values): Value[] =>
  valuesFor(statement, 'limit' in values ? { ...values, limit: String(values['limit']) } : values);

/** Binary columns come as bytes. */
function textsOf(row: Row): Row {
  for (const name in row)
    if (Buffer.isBuffer(row[name])) (row as Record<string, unknown>)[name] = row[name].toString();
  return row;
}

const codeOf = (error: unknown): string => (error as { code?: string } | null)?.code ?? '';

/** Values stand in messages of their own kinds only. */
function toldOf(error: unknown): string {
  const code = codeOf(error);
  const { message, sqlState } = error as { message?: unknown; sqlState?: unknown };
  const isAboutValues = /^2[23]/.test(String(sqlState)) || /WRONG_VALUE|DUP_ENTRY|PARSE_ERROR/.test(code);
  return isAboutValues ? code : `${code} ${String(message)}`.trim();
}
