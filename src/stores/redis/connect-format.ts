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
import { SessionError } from '../../core/errors.js';
import type { Format, FormatOptions, Serializer } from './format.js';
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
import { isForeign } from './replies.js';
import { run, script, type Script } from './script.js';

/** Stands for the digest where the session has ended. */
const CLOSED = 'closed';
const DIGEST_LENGTH = 40;
/** How much longer facts are kept than the session lives at least: connect-redis moves its end without them, ms. */
const KEPT_MS = 24 * 3_600_000;
/** Redis counts from when it is told: an end that is off by less is the one that it was told, ms. */
const DELAY_MS = 2_000;

/**
 * In all of them: the text, the facts, what the facts end with, whether they are of this text, and until when the session
 * lives; an error for what is none of ours. What connect-redis writes after the end is taken away.
 */
const LOOK = `
local text, facts = redis.pcall('GET', KEYS[1]), redis.pcall('GET', KEYS[2])
for _, found in ipairs({text, facts}) do
  if type(found) == 'table' then
    return string.find(found.err, 'WRONGTYPE', 1, true) and redis.error_reply('SESSION-FOREIGN') or found
  end
end
local mark = facts and string.match(facts, '[^\\n]*$')
local isClosed = mark == '${CLOSED}'
if isClosed and text then
  redis.call('UNLINK', KEYS[1])
  text = false
end
local digest = text and redis.sha1hex(text)
local isOurs = text and facts and string.sub(mark, 1, ${String(DIGEST_LENGTH)}) == digest
local left = redis.call('PTTL', KEYS[1])
local function due(now)
  if not text then return 0 end
  local ends = left >= 0 and now + left or isOurs and tonumber(string.sub(facts, 4, 19)) or ${String(NEVER)}
  return facts and math.min(ends, tonumber(string.sub(facts, 21, 36))) or ends
end
local function expire(key, at, now)
  if at >= ${String(NEVER)} then redis.call('PERSIST', key)
  else redis.call('PEXPIRE', key, string.format('%.0f', at - now)) end
end
local function expireBoth(at, deadline, now)
  expire(KEYS[1], at, now)
  expire(KEYS[2], deadline < ${String(NEVER)} and math.max(at + ${String(KEPT_MS)}, deadline) or at + ${String(KEPT_MS)}, now)
end
`;

const READ = script(`${LOOK}
return {text, facts, left, isOurs and 1 or 0, digest}`);

/** now, '=' and the version that must be there ('' for nothing), the text ('' when it has ended), the facts, their end, 1 to expire */
const PUT = script(`${LOOK}
local now, at = tonumber(ARGV[1]), tonumber(ARGV[5])
local isLiving = due(now) > now
if isClosed or isLiving ~= (ARGV[2] ~= '') then return 0 end
if isLiving then
  local version = isOurs and string.match(facts, '\\n([^\\n]*)') or digest
  if '=' .. version ~= ARGV[2] then return 0 end
end
redis.call('SET', KEYS[2], ARGV[4])
if ARGV[3] == '' then
  redis.call('UNLINK', KEYS[1])
  expire(KEYS[2], at, now)
else
  redis.call('SET', KEYS[1], ARGV[3])
  if ARGV[6] == '1' then expireBoth(at, tonumber(string.sub(ARGV[4], 21, 36)), now) end
end
return 1`);

/** now, the end that is wanted, '+' if that is the session's own, 1 to expire */
const EXTEND = script(`${LOOK}
local now, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])
local ends = due(now)
if ends <= now then return 0 end
local deadline = facts and tonumber(string.sub(facts, 21, 36)) or ${String(NEVER)}
wanted = math.min(wanted, deadline)
if wanted <= ends then return 1 end
if facts then
  redis.call('SETRANGE', KEYS[2], 3, string.format('%016.0f', wanted))
  redis.call('SETRANGE', KEYS[2], ${String(HEAD_LENGTH - 1)}, ARGV[3])
end
if ARGV[4] == '1' then expireBoth(wanted, deadline, now) end
return 1`);

/** now */
const REMOVE = script(`${LOOK}
local now = tonumber(ARGV[1])
local wasThere = isClosed or due(now) > now
redis.call('UNLINK', KEYS[1], KEYS[2])
return wasThere and 1 or 0`);

/** The text, the facts, what is left of the session's time, 1 if the facts are of the text, the text's digest. */
type Reply = [text: string | null, facts: string | null, left: unknown, isOurs: unknown, digest: string];

export class ConnectFormat implements Format {
  readonly #options: FormatOptions;

  constructor(options: FormatOptions) {
    this.#options = options;
  }

  async read(key: SessionKey): Promise<Stored | null> {
    const reply = await this.#run(READ, key).catch((error: unknown) => {
      throw isForeign(error) ? corrupt() : error;
    });
    const [text, facts, left, isOurs, digest] = reply as Reply;
    const known = facts === null ? undefined : storedIn(key, facts);
    if (known !== undefined && !isLiving(known.record))
      return { ...known, record: { ...known.record, data: '{}' } };
    if (text === null) return null;
    const session = await this.#sessionIn(text);
    return this.#stored(key, session, known, {
      left: Number(left),
      isOurs: Number(isOurs) === 1,
      digest,
    });
  }

  async put(record: SessionRecord, end: End, expectedVersion: string | null): Promise<boolean> {
    const { serializer = JSON, expires } = this.#options;
    const expected = expectedVersion === null ? '' : `=${versionText(expectedVersion)}`;
    const text = isLiving(record) ? textBy(serializer, record) : '';
    const hasCookie = Object.hasOwn(JSON.parse(record.data) as StoredSession, 'cookie');
    const mark = text === '' ? CLOSED : `${hash('sha1', text, 'hex')}${hasCookie ? '+' : '-'}`;
    const args = [expected, text, textOf(record, end, mark), timeText(end.dueAt), expires ? '1' : '0'];
    return Number(await this.#run(PUT, record.key, ...args)) === 1;
  }

  async extend(key: SessionKey, end: End): Promise<boolean> {
    const args = [timeText(end.dueAt), signOf(end), this.#options.expires ? '1' : '0'];
    return Number(await this.#run(EXTEND, key, ...args)) === 1;
  }

  async remove(key: SessionKey): Promise<boolean> {
    return Number(await this.#run(REMOVE, key)) === 1;
  }

  #stored(
    key: SessionKey,
    session: StoredSession,
    known: Stored | undefined,
    found: { left: number; isOurs: boolean; digest: string },
  ): Stored {
    const { left, isOurs, digest } = found;
    const { clock, lifeOf } = this.#options;
    const said = expiryOf(session);
    const ours = isOurs ? known : undefined;
    const told = ours?.dueAt ?? said.expiresAt ?? NEVER;
    const counted = left >= 0 ? clock.now() + left : (ours?.dueAt ?? NEVER);
    const end = Math.abs(counted - told) < DELAY_MS ? told : counted;
    const dueAt = Math.min(end, known?.record.deadlineAt ?? NEVER);
    const { idleMs, expiresAt } = ours?.record ?? said;
    const { cookie, ...rest } = session;
    const hasCookie = cookie !== undefined && known?.record.data.endsWith('-') !== true;
    return {
      dueAt,
      record: {
        // When connect-redis began it, nobody knows: not after its last save.
        createdAt: Math.min((said.expiresAt ?? dueAt) - (idleMs ?? lifeOf(session)), clock.now()),
        deadlineAt: null,
        ...known?.record,
        v: 1,
        key,
        data: textOfSession(hasCookie ? session : rest),
        version: ours?.record.version ?? digest,
        idleMs,
        expiresAt: expiresAt === null || dueAt === NEVER ? null : dueAt,
      },
    };
  }

  /** @throws {SessionError} ERR_SESSION_CORRUPT */
  async #sessionIn(text: string): Promise<StoredSession> {
    const { serializer = JSON } = this.#options;
    try {
      const session = (await serializer.parse(text)) as StoredSession | null;
      if (typeof session === 'object' && session !== null && !Array.isArray(session)) {
        expiryOf(session);
        return session;
      }
    } catch {
      // What it says may quote the data.
    }
    throw corrupt();
  }

  #run(step: Script, key: SessionKey, ...args: readonly string[]): Promise<unknown> {
    const { connection, clock } = this.#options;
    return run(connection, step, this.namesOf(key), String(clock.now()), ...args);
  }

  namesOf(key: SessionKey): [string, string] {
    const name = this.#options.nameOf(key);
    // What stands in braces decides on the master, and no SCAN of the prefix finds it.
    return [name, `{${name}}`];
  }
}

function textBy(serializer: Pick<Serializer, 'stringify'>, record: SessionRecord): string {
  const text = serializer.stringify(sessionOf(record));
  if (typeof text === 'string' && text !== '') return text;
  throw new SessionError('ERR_SESSION_VALUE', 'The serializer of RedisStore made no text of a session.');
}
