// How each engine goes about the statements of a store: through which indexes, and whether it reads a whole table.
import { keyOf } from './sql-million-data.mjs';

/** Those that have to read everything, or what is left of it. */
const WHOLE = new Set(['count', 'clear', 'revoked']);
/** Nothing is read: the condition is false at once. */
const NOTHING = new Set(['ping']);

/** Pages of 8 KB for a hundred rows, their indexes and whether they were revoked. */
const MOST_BUFFERS = 3_000;

/** All of a user's, however many. */
const OF_A_USER = 'revokedOfOwner';

/** The index of sessions that a statement has to go through, by its end as each engine names it. */
const KEY = 'key';
const NUMBER = 'number';
const NEEDED = {
  [OF_A_USER]: 'owner',
  ...{ find: KEY, overwrite: KEY, replace: KEY, close: KEY, extend: KEY, remove: KEY },
  ...{
    page: NUMBER,
    names: NUMBER,
    pageOfOwner: 'owner',
    namesOfOwner: 'owner',
    expired: 'end',
    sweep: NUMBER,
    removeRevoked: NUMBER,
  },
};
/** Those that ask since when sessions of a user count. */
const ASKS_REVOKED = new Set(
  'find overwrite replace close extend remove page pageOfOwner names namesOfOwner expired'.split(' '),
);

const INDEXES = {
  postgres: {
    ...{
      key: 'sessions_session_key_key',
      number: 'sessions_pkey',
      owner: 'sessions_user',
      end: 'sessions_end',
    },
    revoked: 'sessions_revoked_pkey',
  },
  mysql: {
    ...{ key: 's.session_key', number: 's.PRIMARY', owner: 's.sessions_user', end: 's.sessions_end' },
    revoked: 'r.PRIMARY',
  },
  sqlite: {
    ...{ key: 'sqlite_autoindex_sessions_1', number: 's INTEGER PRIMARY KEY', owner: 'sessions_user' },
    ...{ end: 'sessions_end', revoked: 'sqlite_autoindex_sessions_revoked_1' },
  },
};

/** What the statements are given: a session amid the others, of a user with many. */
function valuesOf({ names }, { sessions, user, expired }) {
  const now = Date.now();
  const batch = Object.fromEntries(expired.map((number, at) => [`row${at}`, number]));
  const values = {
    ...{ ...batch, key: keyOf(Math.round(sessions / 2)), now, expected: 'v', version: 'v2', data: '{}' },
    ...{
      createdAt: now,
      deadlineAt: now + 1e7,
      idleMs: 1e6,
      expiresAt: now + 1e6,
      isOwnEnd: 1,
      end: now + 1e6,
    },
    ...{
      owner: user,
      after: Math.round(sessions / 2),
      limit: 100,
      before: now - 1e9,
      dayAgo: now - 86_400_000,
    },
    ...{ meta: null, closed: null },
  };
  return names.map((name) => {
    if (!(name in values)) throw new Error(`No value for ${name}`);
    return values[name];
  });
}

/** `{ uses, scans, lines }` for each engine: indexes that are used, tables that are read whole, the plan as text. */
const READ = {
  async postgres({ undone }, name, sql, values) {
    // What would take all of them away is not tried.
    const how = WHOLE.has(name) ? '' : 'ANALYZE, BUFFERS, ';
    const [row] = await undone(`EXPLAIN (${how}FORMAT JSON) ${sql}`, values);
    const [uses, scans] = [[], []];
    const walk = (node) => {
      if (node['Index Name'] !== undefined) uses.push(node['Index Name']);
      if (node['Node Type'] === 'Seq Scan') scans.push(node['Relation Name']);
      (node.Plans ?? []).forEach(walk);
    };
    const [{ Plan, 'Execution Time': ms = null }] = row['QUERY PLAN'];
    walk(Plan);
    const buffers = how === '' ? null : (Plan['Shared Hit Blocks'] ?? 0) + (Plan['Shared Read Blocks'] ?? 0);
    return { uses, scans, ms, buffers };
  },

  async mysql({ undone }, _name, sql, values) {
    const rows = await undone(`EXPLAIN ${sql}`, values);
    const [uses, scans] = [[], []];
    for (const { select_type: kind, table, type, key, Extra } of rows) {
      // Read by its primary key when the plan was made.
      if (/const table/.test(Extra ?? '')) uses.push('r.PRIMARY');
      // A row that is written is not looked for.
      if (table === null || kind === 'INSERT') continue;
      // A write of the first table of a statement has no short name.
      const short = { sessions: 's', sessions_revoked: 'r' }[table] ?? table;
      if (key !== null) uses.push(`${short}.${key}`);
      if (type === 'ALL' || type === 'index') scans.push(`${table} (${Extra})`);
    }
    return { uses, scans };
  },

  async sqlite({ undone }, _name, sql, values) {
    const rows = await undone(`EXPLAIN QUERY PLAN ${sql}`, values);
    const [uses, scans] = [[], []];
    for (const { detail } of rows) {
      const [, name, index] =
        /^SEARCH (\S+) USING (?:COVERING )?(INTEGER PRIMARY KEY|INDEX \S+)/.exec(detail) ?? [];
      if (index?.startsWith('INDEX')) uses.push(index.slice('INDEX '.length));
      else if (index !== undefined) uses.push(`${name} ${index}`);
      if (/^SCAN (?!CONSTANT)/.test(detail) || /USE TEMP B-TREE/.test(detail)) scans.push(detail);
    }
    return { uses, scans };
  },
};

/** A row for each statement: its name, what it uses and reads, and what is wrong with that. */
export async function plansOf(engine, database, facts) {
  const { statements } = database.store({ sweepInterval: 0 });
  const indexes = INDEXES[engine];
  const rows = [];
  for (const [name, statement] of Object.entries(statements)) {
    const plan = await READ[engine](database, name, statement.sql, valuesOf(statement, facts));
    const wrong = [];
    const needs = [...(name in NEEDED ? [NEEDED[name]] : []), ...(ASKS_REVOKED.has(name) ? ['revoked'] : [])];
    for (const need of needs) if (!plan.uses.includes(indexes[need])) wrong.push(`not ${indexes[need]}`);
    if (!WHOLE.has(name) && !NOTHING.has(name)) wrong.push(...plan.scans.map((table) => `reads ${table}`));
    if ((plan.buffers ?? 0) > MOST_BUFFERS && name !== OF_A_USER) wrong.push(`${plan.buffers} pages`);
    rows.push({ engine, name, ...plan, uses: [...new Set(plan.uses)], wrong });
  }
  return rows;
}
