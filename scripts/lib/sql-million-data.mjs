// The sessions of a benchmark: a store on a database that is there, a way to ask the database itself, and rows by the million.
import { createHash } from 'node:crypto';

import { openDatabase } from './drivers.mjs';
import { newStore } from './store-contestants.mjs';

/** What each engine has besides a client: of SQLite a function for digests; `ask` as the store binds values. */
const EXTRAS = {
  postgres: ({ client }) => ({
    /** On one connection, and undone. */
    async undone(sql, values) {
      const one = await client.connect();
      try {
        await one.query('BEGIN');
        return (await one.query(sql, values)).rows;
      } finally {
        await one.query('ROLLBACK');
        one.release();
      }
    },
  }),
  mysql({ client }) {
    // As mysql/client.ts binds them: as texts, to a prepared statement.
    const texts = (values) => values.map((value) => (typeof value === 'number' ? String(value) : value));
    const ask = async (sql, values = []) => (await client.execute(sql, texts(values)))[0];
    return { ask, undone: ask };
  },
  sqlite({ client, ask }) {
    client.function('sha', { deterministic: true }, (value) =>
      createHash('sha256').update(String(value)).digest('hex'),
    );
    return { undone: ask };
  },
};

/** `store(options)`, `ask(sql, values)`, `undone(sql, values)`: asked and rolled back where it might change something; `close()`. */
export async function openSite(engine, place) {
  const database = await openDatabase(engine, place, 'sessions');
  return {
    store: (options) => newStore(engine, database.client, options),
    ...database,
    ...EXTRAS[engine](database),
  };
}

/** How each engine counts from one to a number, and what it says for a digest of `i` in hexadecimal. */
const SERIES = {
  postgres: {
    numbers: (from, to) => `generate_series(${from}, ${to}) AS series(i)`,
    sha: (text) => `encode(sha256(convert_to(${text}, 'UTF8')), 'hex')`,
    text: (value) => `${value}::text`,
    joined: (parts) => parts.join(' || '),
    last: 'ANALYZE sessions; ANALYZE sessions_revoked',
  },
  mysql: {
    numbers: (from, to) => `(SELECT seq AS i FROM seq_${from}_to_${to}) AS series`,
    sha: (text) => `SHA2(${text}, 256)`,
    text: (value) => `CAST(${value} AS CHAR)`,
    joined: (parts) => `CONCAT(${parts.join(', ')})`,
    last: 'ANALYZE TABLE sessions; ANALYZE TABLE sessions_revoked',
  },
  sqlite: {
    numbers: (from, to) =>
      `(WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${to}) SELECT i FROM n)`,
    sha: (text) => `sha(${text})`,
    text: (value) => `CAST(${value} AS TEXT)`,
    joined: (parts) => parts.join(' || '),
    last: 'SELECT 1',
  },
};

export const keyOf = (number) => `sha256:${createHash('sha256').update(String(number)).digest('hex')}`;

/** Sessions `from ... to`, as the manager makes them, of `owner` (SQL, of `i`), each ending at `end` (the same). */
export async function insertSessions({ engine, ask, from, to, owner, end }) {
  const { numbers, sha, text, joined } = SERIES[engine];
  const [digest, now] = [sha(text('i')), Date.now()];
  const data = joined([`'{"user":"'`, text('i'), `'","cart":"'`, digest, digest, digest, digest, `'"}'`]);
  const values = [joined([`'sha256:'`, digest]), sha(joined([`'v'`, text('i')])), data];
  const times = [now - 3_600_000, now + 11 * 3_600_000, 3_600_000, end, 1];
  await ask(
    'INSERT INTO sessions (session_key, version, data, created_at, deadline_at, idle_ms, expires_at, is_own_end, owner) ' +
      `SELECT ${[...values, ...times, owner({ text: text('i'), joined })].join(', ')} FROM ${numbers(from, to)}`,
  );
}

/** Users of whom all sessions were ended an hour ago. */
export async function insertRevoked({ engine, ask, count }) {
  const { numbers, text, joined } = SERIES[engine];
  const owner = joined([`'gone '`, text('i')]);
  await ask(
    `INSERT INTO sessions_revoked (owner, before_at) SELECT ${owner}, ${Date.now() - 7_200_000} FROM ${numbers(1, count)}`,
  );
}

/** What the engine knows of its tables, as it would know it after a while. */
export async function analyze({ engine, ask }) {
  for (const sql of SERIES[engine].last.split('; ')) await ask(sql);
}
