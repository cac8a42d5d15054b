// Before the first statement: what is there, and what has to be made.
import { SessionError } from '../../core/errors.js';
import type { FoundColumn, TableName } from './dialect.js';
import { limitsOf, missingFrom, type Limits, type Tables } from './tables.js';

/** How often it is tried while nothing comes of it. */
const ATTEMPTS = 5;

/** A server, as one that finds its tables or makes them. */
export interface Server {
  /** The columns of a table; none: there is no such table. */
  describe(table: TableName): Promise<readonly FoundColumn[]>;
  make(sql: string): Promise<unknown>;
}

/** @throws {SessionError} ERR_SESSION_STORE if they are missing, ERR_SESSION_OPTIONS if they have another shape */
export async function prepareTables(server: Server, tables: Tables, creates: boolean): Promise<Limits> {
  const describe = async () => ({
    sessions: await server.describe(tables.sessions),
    revoked: await server.describe(tables.revoked),
  });
  let [left, attempts] = [Infinity, 0];
  for (;;) {
    const found = await describe();
    const missing = missingFrom(tables, found);
    const steps = stepsFor(tables, missing, creates);
    if (steps.length === 0) return limitsOf(tables, found.sessions);
    // Before anything is made: a table of others is left as it was.
    if (found.sessions.length > 0)
      limitsOf(
        tables,
        found.sessions,
        steps.map(({ makes }) => makes),
      );
    attempts = missing.length < left ? 0 : attempts + 1;
    left = missing.length;
    try {
      for (const { sql } of steps) await server.make(sql);
    } catch (error) {
      // Another process makes them at the same moment.
      if (attempts === ATTEMPTS) throw error;
    }
  }
}

/** What makes the missing tables; a table of another shape is left alone. */
export function stepsFor({ steps, sessions, revoked }: Tables, missing: readonly string[], creates: boolean) {
  const wanted = steps.filter(({ makes }) => missing.includes(makes));
  if (wanted.length > 0 && !creates)
    throw new SessionError(
      'ERR_SESSION_STORE',
      `The session store failed: ${sessions.quoted}, ${revoked.quoted} or a column is not there. Make them as \`store.ddl()\` says, ` +
        'or leave the option "createTable" on.',
    );
  return wanted;
}
