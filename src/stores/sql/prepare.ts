// Before the first statement: what is there, and what has to be made.
import { SessionError } from '../../core/errors.js';
import type { FoundColumn, TableName } from './dialect.js';
import { limitsOf, type Limits, type Tables } from './table.js';

/** A server, as one that finds its tables or makes them. */
export interface Preparing {
  /** The columns of a table; none: there is no such table. */
  describe(table: TableName): Promise<readonly FoundColumn[]>;
  make(statement: string): Promise<unknown>;
}

/** @throws {SessionError} ERR_SESSION_STORE if there are none, ERR_SESSION_OPTIONS if they have another shape */
export async function prepareTables(
  server: Preparing,
  what: string,
  tables: Tables,
  creates: boolean,
): Promise<Limits> {
  let found = await described(server, tables);
  if (found === null && creates) {
    try {
      for (const text of tables.ddl) await server.make(text);
    } catch (error) {
      // Another process made them at the same moment.
      found = await described(server, tables);
      if (found === null) throw error;
    }
    found ??= await described(server, tables);
  }
  if (found === null) throw missing(tables);
  return limitsOf(what, tables, found);
}

/** The columns of the sessions; `null` unless both tables are there. */
async function described(server: Preparing, tables: Tables): Promise<readonly FoundColumn[] | null> {
  const columns = await server.describe(tables.sessions);
  const isWhole = columns.length > 0 && (await server.describe(tables.revoked)).length > 0;
  return isWhole ? columns : null;
}

export const missing = ({ sessions, revoked }: Tables): SessionError =>
  new SessionError(
    'ERR_SESSION_STORE',
    `The session store failed: ${sessions.quoted} or ${revoked.quoted} is not there. Make them as \`store.ddl()\` says, or ` +
      'leave the option "createTable" on.',
  );
