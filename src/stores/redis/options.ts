// The options of the Redis store, and what is wrong with them.
import { checkOptions, type Fields } from '../../core/options.js';
import type { StoredSession } from '../session.js';
import { recordStoreFields } from '../store-options.js';
import type { RecordStoreOptions } from '../store.js';
import type { RedisClient } from './client.js';
import type { Serializer } from './format.js';

export interface RedisStoreOptions extends RecordStoreOptions {
  /** A client of redis or ioredis, connected by you and closed by you. */
  client: RedisClient;
  /** What the names of the keys begin with. Default `'sess:'`. */
  prefix?: string;
  /** Life of a session that brings no expiry of its own, seconds, or what says it of a session. Default one day. */
  ttl?: number | ((session: StoredSession) => number);
  /** How many keys Redis looks at in one go of SCAN. Default 100. */
  scanCount?: number;
  /** Default: JSON. */
  serializer?: Serializer;
  /** Redis keeps sessions for ever; their own ends count all the same. Default false. */
  disableTTL?: boolean;
  /** A touch moves no end. Default false. */
  disableTouch?: boolean;
  /**
   * `'connect-redis'`: sessions are kept as connect-redis 7 to 10 keeps them, so that both serve them side by side, while
   * an application changes over. Ids are kept as they are then (`idAtRest: 'plain'`). Default: the store's own.
   */
  format?: 'connect-redis';
}

const redisStoreSchema = (fields: Fields) => {
  const { z, field } = fields;
  const flag = field(z.boolean(), 'true or false');
  return z.strictObject({
    ...recordStoreFields(fields),
    // What it must be, its adapter says.
    client: z.any().optional(),
    prefix: field(
      z.string().refine((prefix) => !/[{}]/.test(prefix)),
      'a text without { and }, which would put all sessions on one master of a cluster',
    ),
    ttl: field(
      z
        .number()
        .positive()
        .or(z.custom((value) => typeof value === 'function')),
      'a number of seconds above 0, or a function that returns one',
    ),
    scanCount: field(z.int().positive(), 'a whole number above 0'),
    serializer: field(
      z.custom(
        (value) =>
          typeof (value as Serializer | null)?.parse === 'function' &&
          typeof (value as Serializer).stringify === 'function',
      ),
      'an object with parse(text) and stringify(session)',
    ),
    disableTTL: flag,
    disableTouch: flag,
    format: field(z.literal('connect-redis'), "'connect-redis', or nothing"),
  });
};

const rules = ({ format, idAtRest }: Partial<RedisStoreOptions>): string[] =>
  format !== undefined && idAtRest === 'sha256'
    ? ['format \'connect-redis\' needs ids as they are: leave "idAtRest" away']
    : [];

/** @throws {SessionError} ERR_SESSION_OPTIONS */
export function checkRedisStoreOptions(options: RedisStoreOptions): void {
  checkOptions('RedisStore', redisStoreSchema, options, rules);
}
