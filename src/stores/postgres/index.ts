// `session-store-js/postgres`. The pool is handed in: pg is not imported.
export { PostgresStore, type PostgresStoreOptions } from '../postgres-store.js';
export type { PgClient } from './client.js';
