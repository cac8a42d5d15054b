// What MariaDB refuses: each fault has a code and says what to do, shows no data, no id, no user and no password, and loses
// nothing.
import { createConnection, createPool, type PoolOptions } from 'mysql2/promise';

import { MysqlStore, type MysqlStoreOptions } from '../../src/stores/mysql-store.js';
import type { SqlWorld } from '../support/on-sql.js';
import { MARIADB, startMariaDb, type MariaDb } from '../support/services/mariadb.js';
import { whereThereIs } from '../support/services/where.js';
import { DRIVERS, type OpenDatabase, type OpenDriver } from '../support/sql-drivers.js';
import { addSecret, expectFails, SECRETS, storeWorld } from '../support/sql-world.js';

interface Fault {
  readonly name: string;
  /** How the store connects, where it differs. */
  readonly pool: PoolOptions;
  /** Statements of an administrator before and after. */
  readonly begin?: readonly string[];
  readonly end?: readonly string[];
  /** Whether somebody has a connection of the pool meanwhile. */
  readonly holds?: boolean;
  readonly fails?: 'writes';
  readonly advice: RegExp;
}

const [PASSWORD = ''] = SECRETS.password;
const REFUSED = /the server refuses the user: look at its password and its rights/;
const READ_ONLY = /takes no writes: it is a replica, or read-only; connect to the primary/;
const UNREACHABLE = /the server cannot be reached/;
const NONE_LEFT = /the server has no connection left/;
const TOO_LONG = /a statement took longer than its timeout/;

const FAULTS: readonly Fault[] = [
  { name: 'a wrong password', pool: { user: 'guarded', password: PASSWORD }, advice: REFUSED },
  { name: 'no such user', pool: { user: 'nobody' }, advice: REFUSED },
  { name: 'no rights on the database', pool: { user: 'stranger' }, advice: REFUSED },
  { name: 'rights to read only', pool: { user: 'reader' }, fails: 'writes', advice: REFUSED },
  {
    name: 'no such database',
    pool: { database: 'nowhere' },
    advice: /there is no such database on the server/,
  },
  {
    name: 'no database at all',
    pool: { database: '' },
    advice: /no such database on the server, or the client names none/,
  },
  {
    name: 'a server that only reads',
    pool: { user: 'writer' },
    begin: ['SET GLOBAL read_only = 1'],
    end: ['SET GLOBAL read_only = 0'],
    fails: 'writes',
    advice: READ_ONLY,
  },
  {
    name: 'a statement timeout',
    pool: {},
    begin: ['SET GLOBAL max_statement_time = 0.1', 'LOCK TABLES sessions WRITE, sessions_revoked WRITE'],
    end: ['UNLOCK TABLES', 'SET GLOBAL max_statement_time = 0'],
    advice: TOO_LONG,
  },
  {
    name: 'a lock timeout',
    pool: {},
    begin: ['SET GLOBAL innodb_lock_wait_timeout = 1', 'BEGIN', 'SELECT * FROM sessions FOR UPDATE'],
    end: ['COMMIT', 'SET GLOBAL innodb_lock_wait_timeout = 50'],
    fails: 'writes',
    advice: /a row was locked for longer than innodb_lock_wait_timeout/,
  },
  { name: 'nobody at its port', pool: { port: 1 }, advice: UNREACHABLE },
  { name: 'nobody at the ports of its name', pool: { host: 'localhost', port: 1 }, advice: UNREACHABLE },
  { name: 'a name without an address', pool: { host: 'nowhere.invalid' }, advice: UNREACHABLE },
  { name: 'too many connections', pool: { user: 'crowded' }, holds: true, advice: NONE_LEFT },
  {
    name: 'an exhausted pool',
    pool: { connectionLimit: 1, waitForConnections: false },
    holds: true,
    advice: /the pool has no connection to spare/,
  },
];

const USERS = [
  "CREATE USER guarded@'127.0.0.1' IDENTIFIED BY 'another'",
  ...['stranger', 'reader', 'writer'].map((name) => `CREATE USER ${name}@'127.0.0.1'`),
  "CREATE USER crowded@'127.0.0.1' WITH MAX_USER_CONNECTIONS 1",
  "GRANT SELECT ON sessions.* TO reader@'127.0.0.1'",
  ...['writer', 'crowded'].map((name) => `GRANT ALL ON sessions.* TO ${name}@'127.0.0.1'`),
];

whereThereIs(MARIADB, () => {
  let server: MariaDb;
  const opened: { close(): Promise<void> }[] = [];
  const world: SqlWorld = {
    engine: 'MariaDB',
    driver: 'a connection of mysql2/promise',
    open: async () => {
      const database: OpenDatabase = await (DRIVERS.MariaDB['a connection of mysql2/promise'] as OpenDriver)(
        server.url,
      );
      opened.push(database);
      return database;
    },
    freshTable: () => 'sessions',
  };
  beforeAll(async () => {
    server = await startMariaDb();
    const { store, database } = await storeWorld(world);
    await store.ping();
    for (const statement of USERS) await database.ask(statement);
  });
  beforeEach(async () => {
    await (await storeWorld(world)).store.clear();
  });
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.close();
  });
  afterAll(() => server.stop());

  const where = (): PoolOptions => ({
    host: '127.0.0.1',
    port: server.port,
    user: 'root',
    database: 'sessions',
  });
  const on = (
    client: unknown,
    { clock }: Pick<Awaited<ReturnType<typeof storeWorld>>, 'clock'>,
  ): MysqlStore => new MysqlStore({ client: client as MysqlStoreOptions['client'], clock, sweepInterval: 0 });

  it.each(FAULTS)('$name', async ({ pool: options, begin = [], end = [], holds, fails, advice }) => {
    const there = await storeWorld(world);
    const secret = await addSecret(there);
    const administrator = await world.open();
    const pool = createPool({ ...where(), ...options });
    opened.push({ close: () => pool.end() });
    const store = on(pool, there);
    const held = holds === true ? await pool.getConnection() : null;
    for (const statement of begin) await administrator.ask(statement);
    await expectFails(there, store, secret, advice, fails).finally(async () => {
      for (const statement of end) await administrator.ask(statement);
      held?.release();
    });
    expect(await there.store.find(secret.key)).toEqual(secret);
    expect(await there.store.count()).toBe(1);
  });

  it('a pool or a connection that was ended says so', async () => {
    const there = await storeWorld(world);
    const secret = await addSecret(there);
    for (const client of [createPool(where()), await createConnection(where())]) {
      const store = on(client, there);
      await store.ping();
      await client.end();
      await expectFails(there, store, secret, /the client is closed/);
    }
  });

  it('a user without the right to make tables works where there are some', async () => {
    const there = await storeWorld(world);
    const secret = await addSecret(there);
    await there.database.ask("GRANT SELECT, INSERT, UPDATE, DELETE ON sessions.* TO stranger@'127.0.0.1'");
    const pool = createPool({ ...where(), user: 'stranger' });
    opened.push({ close: () => pool.end() });
    expect(await on(pool, there).find(secret.key)).toEqual(secret);
    expect(await on(pool, there).insert(there.record('mine'))).toBe(true);
    await there.database.ask("REVOKE ALL ON sessions.* FROM stranger@'127.0.0.1'");
  });
});
