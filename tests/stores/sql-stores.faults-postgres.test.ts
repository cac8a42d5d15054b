// What PostgreSQL refuses: each fault has a code and says what to do, shows no data, no id, no user and no password, and
// loses nothing.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Client, Pool, type PoolConfig } from 'pg';

import { PostgresStore } from '../../src/stores/postgres-store.js';
import type { SqlWorld } from '../support/on-sql.js';
import { POSTGRES, startPostgres, type Postgres } from '../support/services/postgres.js';
import { whereThereIs } from '../support/services/where.js';
import { DRIVERS, type OpenDatabase, type OpenDriver } from '../support/sql-drivers.js';
import { addSecret, expectFails, failureOf, SECRETS, storeWorld } from '../support/sql-world.js';

interface Fault {
  readonly name: string;
  /** How the store connects, where it differs. */
  readonly pool: PoolConfig;
  /** Statements of an administrator before and after. */
  readonly begin?: readonly string[];
  readonly end?: readonly string[];
  /** Whether somebody has a connection of the pool meanwhile. */
  readonly holds?: boolean;
  readonly fails?: 'writes';
  /** A write that the client has given up may land later. */
  readonly isUndecided?: boolean;
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
  { name: 'no rights on the tables', pool: { user: 'stranger' }, advice: REFUSED },
  { name: 'rights to read only', pool: { user: 'reader' }, fails: 'writes', advice: REFUSED },
  {
    name: 'no such database',
    pool: { database: 'nowhere' },
    advice: /there is no such database on the server/,
  },
  {
    name: 'a transaction that only reads',
    pool: { options: '-c default_transaction_read_only=on' },
    fails: 'writes',
    advice: READ_ONLY,
  },
  {
    name: 'a statement timeout',
    pool: { statement_timeout: 100 },
    begin: ['BEGIN', 'LOCK TABLE sessions'],
    end: ['COMMIT'],
    advice: TOO_LONG,
  },
  {
    name: 'a timeout of the client',
    pool: { query_timeout: 100 },
    begin: ['BEGIN', 'LOCK TABLE sessions'],
    end: ['COMMIT'],
    isUndecided: true,
    advice: TOO_LONG,
  },
  {
    name: 'a lock timeout',
    pool: { options: '-c lock_timeout=100' },
    begin: ['BEGIN', 'LOCK TABLE sessions'],
    end: ['COMMIT'],
    advice: /locked for longer than lock_timeout/,
  },
  { name: 'nobody at its port', pool: { port: 1 }, advice: UNREACHABLE },
  { name: 'nobody at the ports of its name', pool: { host: 'localhost', port: 1 }, advice: UNREACHABLE },
  { name: 'a name without an address', pool: { host: 'nowhere.invalid' }, advice: UNREACHABLE },
  {
    name: 'too many connections',
    pool: { user: 'crowded' },
    begin: ['ALTER ROLE crowded CONNECTION LIMIT 0'],
    advice: NONE_LEFT,
  },
  {
    name: 'an exhausted pool',
    pool: { max: 1, connectionTimeoutMillis: 100 },
    holds: true,
    advice: /the pool has no client to spare/,
  },
];

const USERS = [
  "CREATE ROLE guarded LOGIN PASSWORD 'another'",
  ...['stranger', 'reader', 'crowded'].map((name) => `CREATE ROLE ${name} LOGIN`),
  'GRANT SELECT ON sessions, sessions_revoked TO reader',
  'SELECT pg_reload_conf()',
];

whereThereIs(POSTGRES, () => {
  let server: Postgres;
  const opened: { close(): Promise<void> }[] = [];
  const closing = <T>(value: T, close: () => Promise<void>): T => {
    opened.push({ close });
    return value;
  };
  const world: SqlWorld = {
    engine: 'PostgreSQL',
    driver: 'a Client of pg',
    open: async () => {
      const database: OpenDatabase = await (DRIVERS.PostgreSQL['a Client of pg'] as OpenDriver)(server.url);
      return closing(database, () => database.close());
    },
    freshTable: () => 'sessions',
  };
  beforeAll(async () => {
    server = await startPostgres();
    const access = join(server.directory, 'data', 'pg_hba.conf');
    writeFileSync(access, `host all guarded 127.0.0.1/32 scram-sha-256\n${readFileSync(access, 'utf8')}`);
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

  const poolWith = (options: PoolConfig): Pool => {
    const where = { host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' };
    const pool = new Pool({ ...where, ...options });
    return closing(pool, () => pool.end());
  };

  it.each(FAULTS)(
    '$name',
    async ({ pool: options, begin = [], end = [], holds, fails, isUndecided, advice }) => {
      const there = await storeWorld(world);
      const secret = await addSecret(there);
      const administrator = await world.open();
      const pool = poolWith(options);
      const store = new PostgresStore({ client: pool, clock: there.clock, sweepInterval: 0 });
      // Before the fault: where a store finds its tables is no matter of this test.
      if (begin.includes('BEGIN')) await store.ping();
      const held = holds === true ? await pool.connect() : null;
      for (const statement of begin) await administrator.ask(statement);
      await expectFails(there, store, secret, advice, fails).finally(async () => {
        for (const statement of end) await administrator.ask(statement);
        held?.release();
      });
      if (isUndecided === true) return;
      expect(await there.store.find(secret.key)).toEqual(secret);
      expect(await there.store.count()).toBe(1);
    },
  );

  it('a pool or a client that was ended says so', async () => {
    const there = await storeWorld(world);
    const secret = await addSecret(there);
    const pool = poolWith({});
    const client = new Client({ connectionString: server.url });
    await client.connect();
    const stores = [pool, client].map(
      (one) => new PostgresStore({ client: one, clock: there.clock, sweepInterval: 0 }),
    );
    for (const store of stores) await store.ping();
    opened.splice(
      opened.findIndex(({ close }) => String(close).includes('pool.end')),
      1,
    );
    await Promise.all([pool.end(), client.end()]);
    for (const store of stores)
      await expectFails(there, store, secret, /client is closed: close it after the last/);
  });

  it('a client that was never connected says so, or that it cannot be reached', async () => {
    const store = new PostgresStore({
      client: new Client({ connectionString: server.url, query_timeout: 100 }),
    });
    expect((await failureOf(store.ping())).message).toMatch(/failed: (the|a) /);
  });

  it('a user without the right to make tables works where there are some', async () => {
    const there = await storeWorld(world);
    const secret = await addSecret(there);
    await there.database.ask('GRANT ALL ON sessions, sessions_revoked TO stranger');
    const store = new PostgresStore({
      client: poolWith({ user: 'stranger' }),
      clock: there.clock,
      sweepInterval: 0,
    });
    expect(await store.find(secret.key)).toEqual(secret);
    expect(await store.insert(there.record('mine'))).toBe(true);
    await there.database.ask('REVOKE ALL ON sessions, sessions_revoked FROM stranger');
  });
});
