// Tests on databases of their own: a server for PostgreSQL and MariaDB, a file for SQLite.
import { freshPath } from './directory.js';
import { startMariaDb, MARIADB } from './services/mariadb.js';
import { POSTGRES, startPostgres } from './services/postgres.js';
import { whereThereIs, type Needed } from './services/where.js';
import {
  BETTER_SQLITE,
  DRIVERS,
  NODE_SQLITE,
  type Engine,
  type OpenDatabase,
  type OpenDriver,
} from './sql-drivers.js';

export interface SqlWorld {
  readonly engine: Engine;
  readonly driver: string;
  /** Open until the test ends. */
  open(): Promise<OpenDatabase>;
  /** A name that no table has yet. */
  freshTable(): string;
}

interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

const SERVERS: Readonly<Record<Engine, { needed: Needed; start(): Promise<Server> }>> = {
  PostgreSQL: { needed: POSTGRES, start: () => startPostgres() },
  MariaDB: { needed: MARIADB, start: () => startMariaDb() },
  SQLite: {
    needed: {
      isThere: () => BETTER_SQLITE.isThere() || NODE_SQLITE.isThere(),
      advice: `${BETTER_SQLITE.advice}, or ${NODE_SQLITE.advice}`,
    },
    start: () => Promise.resolve({ url: `${freshPath()}.db`, stop: () => Promise.resolve() }),
  },
};

const ENGINES = Object.keys(SERVERS) as Engine[];
const DRIVER_NEEDS: Readonly<Record<string, Needed>> = {
  'better-sqlite3': BETTER_SQLITE,
  'node:sqlite': NODE_SQLITE,
};

let tables = 0;

/** For each engine, and for each driver of it unless only the one that is used most is asked for. */
export function onSql(
  tests: (world: SqlWorld) => void,
  { drivers = 'first' }: { drivers?: 'first' | 'all' } = {},
): void {
  describe.each(ENGINES)('%s', (engine) => {
    const { needed, start } = SERVERS[engine];
    whereThereIs(needed, () => {
      let server: Server;
      const opened: OpenDatabase[] = [];
      beforeAll(async () => {
        server = await start();
      });
      afterEach(async () => {
        for (const database of opened.splice(0)) await database.close();
      });
      afterAll(() => server.stop());

      const isThere = (name: string): boolean => DRIVER_NEEDS[name]?.isThere() ?? true;
      const names = Object.keys(DRIVERS[engine]).filter(isThere);
      describe.each(drivers === 'all' ? names : names.slice(0, 1))('%s', (driver) => {
        tests({
          engine,
          driver,
          open: async () => {
            const database = await (DRIVERS[engine][driver] as OpenDriver)(server.url);
            opened.push(database);
            return database;
          },
          freshTable: () => `sessions${String(tables++)}`,
        });
      });
    });
  });
}
