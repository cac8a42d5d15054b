// The fewest statements that sessions in a database can do with, on a bare driver: what nobody can be faster than. One to
// read, one to write; nothing is signed, no expiry is kept, and of two writes at a time one is lost.
import { randomBytes } from 'node:crypto';

import { tune } from '../../scripts/lib/store-contestants.mjs';

/** By engine: `read(id)` to the text of a session, `insert(id, text)`, `update(id, text)`. */
const TABLES = {
  redis: ({ client }) => ({
    read: (id) => client.get(`floor:${id}`),
    insert: (id, text) => client.set(`floor:${id}`, text),
    update: (id, text) => client.set(`floor:${id}`, text),
  }),
  postgres: ({ client, ask }) =>
    sqlTable(ask, 'TEXT', (sql) => {
      let at = 0;
      const text = sql.replaceAll('?', () => `$${++at}`);
      return async (...values) => (await client.query({ text, values })).rows;
    }),
  mysql: ({ client, ask }) =>
    sqlTable(
      ask,
      'MEDIUMTEXT',
      (sql) =>
        async (...values) =>
          (await client.execute(sql, values))[0],
    ),
  sqlite({ client, ask }) {
    tune({ engine: 'sqlite', client });
    return sqlTable(ask, 'TEXT', (sql) => {
      const prepared = client.prepare(sql);
      return (...values) => (prepared.reader ? prepared.all(...values) : prepared.run(...values));
    });
  },
};

async function sqlTable(ask, type, prepare) {
  await ask(`CREATE TABLE floor (id VARCHAR(99) PRIMARY KEY, data ${type} NOT NULL)`);
  const select = prepare('SELECT data FROM floor WHERE id = ?');
  const change = prepare('UPDATE floor SET data = ? WHERE id = ?');
  return {
    read: async (id) => (await select(id))[0].data,
    insert: prepare('INSERT INTO floor (id, data) VALUES (?, ?)'),
    update: (id, text) => change(text, id),
  };
}

/** The face of store-contestants.mjs, as far as a benchmark asks. */
export async function floor(world) {
  const table = await TABLES[world.engine](world);
  const idOf = (req) => req.headers.cookie.slice('sid='.length);
  const load = async (req) => JSON.parse(await table.read(idOf(req)));
  return {
    middleware: (_req, _res, next) => next(),
    read: async (req, key) => (await load(req))[key],
    async setAll(req, values) {
      const id = randomBytes(32).toString('base64url');
      await table.insert(id, JSON.stringify(values));
      req.res.setHeader('Set-Cookie', `sid=${id}; Path=/; HttpOnly`);
    },
    async set(req, key, value) {
      const values = { ...(await load(req)), [key]: value };
      await table.update(idOf(req), JSON.stringify(values));
    },
  };
}
