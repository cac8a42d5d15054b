// The options that the SQL stores share, as fields of their schemas.
import type { Fields } from '../../core/options.js';
import { recordStoreFields } from '../store-options.js';
import type { RecordStoreOptions } from '../store.js';
import type { ExpressColumn } from './express-format.js';
import type { OwnColumn } from './own-format.js';

export interface SqlStoreOptions extends RecordStoreOptions {
  /** The table of sessions, with its schema if it has one: `'app.sessions'`. Default `'sessions'`. */
  table?: string;
  /** Other names for its columns. */
  columns?: Partial<Record<OwnColumn | ExpressColumn, string>>;
  /** Makes the tables if they are missing, at the first use. Default true. */
  createTable?: boolean;
  /** Life of a session that brings no expiry of its own, seconds. Default one day. */
  ttl?: number;
  /** Between two sweeps of expired sessions, ms, give or take a tenth; 0: none. Default one minute. */
  sweepInterval?: number;
}

export const sqlStoreFields = (fields: Fields) => {
  const { z, field } = fields;
  return {
    ...recordStoreFields(fields),
    table: field(z.string(), 'a name, with its schema if it has one'),
    // Which ones there are, the format says.
    columns: field(z.record(z.string(), z.string()), 'an object with names of columns'),
    createTable: field(z.boolean(), 'true or false'),
    ttl: field(z.number().positive(), 'a number of seconds above 0'),
    sweepInterval: field(z.number().nonnegative(), 'a number of milliseconds, 0 for none'),
  };
};

/** What the table of another store needs. */
export const sharedFaults = (format: string | undefined, idAtRest: unknown): string[] =>
  format !== undefined && idAtRest === 'sha256'
    ? [`format '${format}' needs ids as they are: leave "idAtRest" away`]
    : [];

export const hasMethods = (value: unknown, ...names: readonly string[]): boolean =>
  names.every((name) => typeof (value as Record<string, unknown> | null | undefined)?.[name] === 'function');
