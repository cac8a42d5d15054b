// `session-store-js/sqlite`. The database is handed in: neither better-sqlite3 nor node:sqlite is imported.
export { SqliteStore, type SqliteStoreOptions } from '../sqlite-store.js';
export type { SqliteDatabase } from './client.js';
