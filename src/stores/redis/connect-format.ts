// Sessions as connect-redis 7 to 10 keeps them, so that both run side by side on the same keys: the session as JSON under
// the prefix and the id, its end known to Redis alone. What connect-redis does not know stands beside it in a second key,
// on the same master: a record (see record-text.ts) of the text with this digest.
//
//   sess:9bq…      {"cookie":{"originalMaxAge":3600000,"expires":"2026-…"},"user":"ada"}
//   {sess:9bq…}    the first three lines of a record, and: 3f2c…90a1+
import { hash } from 'node:crypto';

import type { SessionKey, SessionRecord } from '../../core/contract.js';
import { isLiving } from '../../core/record.js';
import { expiryOf, sessionOf, textOfSession } from '../express-face.js';
import type { StoredSession } from '../session.js';
import type { Format, FormatOptions } from './format.js';
import {
  corrupt,
  HEAD_LENGTH,
  NEVER,
  signOf,
  storedIn,
  textOf,
  timeText,
  versionText,
  type End,
  type Stored,
} from './record-text.js';
import { run, script, type Script } from './script.js';

/** Stands for the digest where the session has ended. */
const CLOSED = 'closed';
const DIGEST_LENGTH = 40;
/** How much longer facts are kept than the session lives: connect-redis moves its end without them, ms. */
const KEPT_MS = 24 * 3_600_000;
/** Redis counts from when it is told: an end that is off by less is the one that it was told, ms. */
const DELAY_MS = 2_000;

/** In all of them: the text, the facts, what the facts end with; an error for what is none of ours. */
const LOOK = `
local text, facts = redis.pcall('GET', KEYS[1]), redis.pcall('GET', KEYS[2])
if type(text) == 'table' or type(facts) == 'table' then return redis.error_reply('SESSION-FOREIGN') end
local mark = facts and string.match(facts, '[^\\n]*$')
local function expire(key, due, now, more)
  if due >= ${String(NEVER)} then redis.call('PERSIST', key)
  else redis.call('PEXPIRE', key, string.format('%.0f', due - now + more)) end
end
`;

const READ = script(`${LOOK}
return {text, facts, redis.call('PTTL', KEYS[1])}`);

/** now, the version that must be there ('' for none), the text ('' when it has ended), the facts, their end, 1 to expire */
const PUT = script(`${LOOK}
local now, due, isClosed = tonumber(ARGV[1]), tonumber(ARGV[5]), ARGV[3] == ''
if mark == '${CLOSED}' then return 0 end
if ARGV[2] == '' then
  if text then return 0 end
else
  if not text then return 0 end
  local version = redis.sha1hex(text)
  if mark and string.sub(mark, 1, ${String(DIGEST_LENGTH)}) == version then version = string.match(facts, '\\n([^\\n]*)') end
  if version ~= ARGV[2] then return 0 end
end
redis.call('SET', KEYS[2], ARGV[4])
if isClosed then
  redis.call('UNLINK', KEYS[1])
  expire(KEYS[2], due, now, 0)
else
  redis.call('SET', KEYS[1], ARGV[3])
  if ARGV[6] == '1' then
    expire(KEYS[1], due, now, 0)
    expire(KEYS[2], due, now, ${String(KEPT_MS)})
  end
end
return 1`);

/** now, the end that is wanted, '+' if that is the session's own, 1 to expire */
const EXTEND = script(`${LOOK}
if not text or mark == '${CLOSED}' then return 0 end
local now, wanted, left = tonumber(ARGV[1]), tonumber(ARGV[2]), redis.call('PTTL', KEYS[1])
local ends = left >= 0 and now + left or facts and tonumber(string.sub(facts, 4, 19)) or ${String(NEVER)}
if facts then wanted = math.min(wanted, tonumber(string.sub(facts, 21, 36))) end
if wanted <= ends then return 1 end
if ARGV[4] == '1' then expire(KEYS[1], wanted, now, 0) end
if facts then
  redis.call('SETRANGE', KEYS[2], 3, string.format('%016.0f', wanted))
  redis.call('SETRANGE', KEYS[2], ${String(HEAD_LENGTH - 1)}, ARGV[3])
  if ARGV[4] == '1' then expire(KEYS[2], wanted, now, ${String(KEPT_MS)}) end
end
return 1`);

const REMOVE = script(`${LOOK}
redis.call('UNLINK', KEYS[1], KEYS[2])
return (text or mark == '${CLOSED}') and 1 or 0`);

export class ConnectFormat implements Format {
  readonly #options: FormatOptions;

  constructor(options: FormatOptions) {
    this.#options = options;
  }

  async read(key: SessionKey): Promise<Stored | null> {
    const reply = (await this.#run(READ, key)) as [string | null, string | null, unknown];
    const [text, facts, left] = [reply[0], reply[1], Number(reply[2])];
    const known = facts === null ? undefined : storedIn(key, facts);
    if (known !== undefined && !isLiving(known.record))
      return { ...known, record: { ...known.record, data: '{}' } };
    if (text === null) return null;
    const session = await this.#sessionIn(text);
    const digest = digestOf(text);
    const isOurs = known?.record.data.slice(0, DIGEST_LENGTH) === digest;
    return this.#stored(key, session, { digest, known, left, isOurs });
  }

  async put(record: SessionRecord, end: End, expectedVersion: string | null): Promise<boolean> {
    const { serializer = JSON, expires } = this.#options;
    const expected = expectedVersion === null ? '' : versionText(expectedVersion);
    const session = sessionOf(record);
    const text = isLiving(record) ? serializer.stringify(session) : '';
    const hasCookie = Object.hasOwn(JSON.parse(record.data) as StoredSession, 'cookie');
    const mark = text === '' ? CLOSED : `${digestOf(text)}${hasCookie ? '+' : '-'}`;
    const args = [expected, text, textOf(record, end, mark), timeText(end.dueAt), expires ? '1' : '0'];
    return (await this.#runNow(PUT, record.key, ...args)) === 1;
  }

  async extend(key: SessionKey, end: End): Promise<boolean> {
    const args = [timeText(end.dueAt), signOf(end), this.#options.expires ? '1' : '0'];
    return (await this.#runNow(EXTEND, key, ...args)) === 1;
  }

  async remove(key: SessionKey): Promise<boolean> {
    return (await this.#run(REMOVE, key)) === 1;
  }

  #stored(
    key: SessionKey,
    session: StoredSession,
    found: { digest: string; known: Stored | undefined; left: number; isOurs: boolean },
  ): Stored {
    const { digest, known, left, isOurs } = found;
    const said = expiryOf(session);
    const ours = isOurs ? known : undefined;
    const told = ours?.dueAt ?? said.expiresAt ?? NEVER;
    const counted = left >= 0 ? this.#options.clock.now() + left : told;
    const dueAt = Math.min(
      Math.abs(counted - told) < DELAY_MS ? told : counted,
      known?.record.deadlineAt ?? NEVER,
    );
    const isOwn = (ours?.record ?? said).expiresAt !== null;
    const { cookie, ...rest } = session;
    const hasCookie = cookie !== undefined && known?.record.data.endsWith('-') !== true;
    return {
      dueAt,
      record: {
        // Of what connect-redis began, nobody knows when.
        createdAt: 0,
        deadlineAt: null,
        ...known?.record,
        v: 1,
        key,
        data: textOfSession(hasCookie ? session : rest),
        version: ours?.record.version ?? digest,
        idleMs: (ours?.record ?? said).idleMs,
        expiresAt: isOwn ? dueAt : null,
      },
    };
  }

  /** @throws {SessionError} ERR_SESSION_CORRUPT */
  async #sessionIn(text: string): Promise<StoredSession> {
    const { serializer = JSON } = this.#options;
    try {
      const session = (await serializer.parse(text)) as StoredSession | null;
      // As JSON says it: dates, or whatever else a serializer knows.
      if (typeof session === 'object' && session !== null && !Array.isArray(session)) {
        expiryOf(session);
        return session;
      }
    } catch {
      // What it says may quote the data.
    }
    throw corrupt();
  }

  #runNow(step: Script, key: SessionKey, ...args: readonly string[]): Promise<unknown> {
    return this.#run(step, key, String(this.#options.clock.now()), ...args);
  }

  async #run(step: Script, key: SessionKey, ...args: readonly string[]): Promise<unknown> {
    const { connection, nameOf } = this.#options;
    const name = nameOf(key);
    // What stands in braces decides on the master, and no SCAN of the prefix finds it.
    return run(connection, step, [name, `{${name}}`], ...args);
  }
}

const digestOf = (text: string): string => hash('sha1', text, 'hex');
