// What a database was asked to do, as it counts itself: Redis and PostgreSQL by their statistics (of PostgreSQL an
// extension), MariaDB by its status. SQLite is part of the app, where its driver is wrapped (see drivers.mjs).

/** What PostgreSQL has to be started with. */
export const COUNTING_ARGS = {
  postgres: ['-c', 'shared_preload_libraries=pg_stat_statements', '-c', 'pg_stat_statements.track=all'],
};

/** Those that a store sends; what else there is comes from drivers, and in Redis from scripts inside of it. */
export const SENT_BY_STORES = {
  sql: ['select', 'insert', 'update', 'delete'],
  redis: ['get', 'hget', 'set', 'expire', 'del', 'evalsha', 'eval'],
};
/** Of ours on Redis: whether anybody was revoked, asked for once a second at most together with a session. */
export const LOOK = 'zrangebyscore';

/** Of whoever counts, not of the apps. */
const OWN = ['info', 'config|resetstat', 'config', 'flushall', 'client|setinfo', 'hello', 'ping'];

const ofRedis = (ask) => async () => async () => {
  const lines = String(await ask('INFO', 'commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
  await ask('CONFIG', 'RESETSTAT');
  const counts = [...lines].map(([, name, calls]) => [name, Number(calls)]);
  return Object.fromEntries(counts.filter(([name]) => !OWN.includes(name)));
};

/**
 * Ends the process with 2 where PostgreSQL has no such extension.
 * @param ask Asks the database, past the app; @param app Whose `counts` of SQLite are.
 * @returns a function to the counts since it was called before, by the command, or the first word of the statement
 */
export async function counterOf(engine, ask, app) {
  const lower = (counts) =>
    Object.fromEntries(Object.entries(counts).map(([name, count]) => [name.toLowerCase(), count]));
  return {
    redis: ofRedis(ask),
    ioredis: ofRedis(ask),
    async postgres() {
      try {
        await ask('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
      } catch (error) {
        console.error(`This needs pg_stat_statements: apt-get install postgresql-contrib (${error.message})`);
        process.exit(2);
      }
      return async () => {
        const rows = await ask(
          "SELECT lower(substring(query from '\\w+')) AS name, SUM(calls) AS calls FROM pg_stat_statements " +
            "WHERE query NOT LIKE '%pg_stat_statements%' GROUP BY 1",
        );
        await ask('SELECT pg_stat_statements_reset()');
        return Object.fromEntries(rows.map(({ name, calls }) => [name, Number(calls)]));
      };
    },
    async mysql() {
      let before = {};
      return async () => {
        const rows = await ask("SHOW GLOBAL STATUS LIKE 'Com\\_%'");
        const now = Object.fromEntries(rows.map(({ Variable_name: name, Value }) => [name, Number(Value)]));
        const changed = Object.entries(now).map(([name, count]) => [
          name.toLowerCase().replace(/^com_|_multi$/g, ''),
          count - (before[name] ?? 0),
        ]);
        before = now;
        const counts = {};
        for (const [name, count] of changed)
          // What is executed is counted under its own word too; and this is the question itself.
          if (count > 0 && !['stmt_execute', 'show_status'].includes(name))
            counts[name] = (counts[name] ?? 0) + count;
        return counts;
      };
    },
    sqlite: async () => async () => lower(await app.counts()),
  }[engine]();
}
