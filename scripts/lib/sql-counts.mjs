// What a database was asked to do, as it counts itself: PostgreSQL by its extension pg_stat_statements, MariaDB by its
// status. SQLite is part of the app, where its driver is wrapped (see sql-drivers.mjs).

/** What PostgreSQL has to be started with. */
export const COUNTING_ARGS = {
  postgres: ['-c', 'shared_preload_libraries=pg_stat_statements', '-c', 'pg_stat_statements.track=all'],
};

/** Those of a store; what else there is comes from drivers. */
export const STATEMENTS = ['select', 'insert', 'update', 'delete'];

/**
 * Ends the process with 2 where PostgreSQL has no such extension.
 * @param ask Asks the database, past the app; @param app Whose `counts` of SQLite are.
 * @returns a function to the counts since it was called before, by the first word of what was run
 */
export async function counterOf(engine, ask, app) {
  const lower = (counts) =>
    Object.fromEntries(Object.entries(counts).map(([name, count]) => [name.toLowerCase(), count]));
  return {
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
