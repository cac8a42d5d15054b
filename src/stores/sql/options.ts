// The options that the SQL stores share, as fields of their schemas.
import type { Fields } from '../../core/options.js';
import { recordStoreFields } from '../store-options.js';
import type { RecordStoreOptions } from '../store.js';
import { COLUMNS, type ColumnNames } from './table.js';

export interface SqlStoreOptions extends RecordStoreOptions {
  /** The table of sessions, with its schema if it has one: `'app.sessions'`. Default `'sessions'`. */
  table?: string;
  /** Other names for its columns. */
  columns?: Partial<ColumnNames>;
  /** Makes the tables if they are missing, at the first use. Default true. */
  createTable?: boolean;
  /** Life of a session that brings no expiry of its own, seconds. Default one day. */
  ttl?: number;
  /** Between two sweeps of expired sessions, ms, give or take a tenth; 0: none. Default one minute. */
  sweepInterval?: number;
}

const NAMES = Object.keys(COLUMNS);

export const sqlStoreFields = (fields: Fields) => {
  const { z, field } = fields;
  return {
    ...recordStoreFields(fields),
    table: field(z.string(), 'a name, with its schema if it has one'),
    columns: field(
      z.partialRecord(z.enum(NAMES), z.string()),
      `an object with names of columns, under ${NAMES.join(', ')}`,
    ),
    createTable: field(z.boolean(), 'true or false'),
    ttl: field(z.number().positive(), 'a number of seconds above 0'),
    sweepInterval: field(z.number().nonnegative(), 'a number of milliseconds, 0 for none'),
  };
};
