// `session-store-js/mysql`. The pool is handed in: mysql2 is not imported.
export { MysqlStore, type MysqlStoreOptions } from '../mysql-store.js';
export type { MysqlClient } from './client.js';
