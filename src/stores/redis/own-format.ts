// Sessions as this store keeps them: one key each. A living session is a string (see record-text.ts); one that has ended is
// a hash, so that the server can tell the two apart without reading them.
import type { SessionKey, SessionRecord } from '../../core/contract.js';
import { isLiving } from '../../core/record.js';
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
import { isWrongType } from './replies.js';
import { run, script, type Script } from './script.js';

/** In all of them: what is under the key, and until when; an error for what is none of ours. */
const LOOK = `
local function look(key, last)
  local text = redis.pcall('GETRANGE', key, 0, last)
  if text == '' and redis.call('EXISTS', key) == 0 then return 'nothing', 0 end
  local due
  if type(text) == 'string' then
    if string.sub(text, 1, 3) == 's1 ' then due = tonumber(string.sub(text, 4, 19)) end
  elseif string.find(text.err, 'WRONGTYPE', 1, true) then
    local mark = redis.pcall('HGET', key, 'text')
    if type(mark) == 'string' and string.sub(mark, 1, 3) == 's1 ' then due = tonumber(redis.pcall('HGET', key, 'due')) end
  else
    return 'fault', 0, text
  end
  if not due then return 'fault', 0, redis.error_reply('SESSION-FOREIGN') end
  return type(text) == 'string' and 'living' or 'closed', due, text
end
local function expire(key, due, now)
  if due >= ${String(NEVER)} then redis.call('PERSIST', key)
  else redis.call('PEXPIRE', key, string.format('%.0f', due - now)) end
end
`;

/** now, '=' and the version that must be there ('' for nothing), the text, its end, how: 'living', 'closed'; 1 to expire */
const PUT = script(`${LOOK}
local key, now, expected, text, due, as = KEYS[1], tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local kind, ends, found = look(key, -1)
if kind == 'fault' then return found end
if expected == '' then
  if ends > now then return 0 end
elseif kind ~= 'living' or ends <= now or '=' .. string.match(found, '^[^\\n]*\\n([^\\n]*)\\n') ~= expected then
  return 0
end
if as == 'closed' then
  redis.call('DEL', key)
  redis.call('HSET', key, 'due', ARGV[4], 'text', text)
else
  redis.call('SET', key, text)
end
if ARGV[6] == '1' then expire(key, due, now) end
return 1`);

/** now, the end that is wanted, '+' if that is the session's own, 1 to expire */
const EXTEND = script(`${LOOK}
local key, now, wanted = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local kind, ends, found = look(key, ${String(HEAD_LENGTH - 1)})
if kind == 'fault' then return found end
if kind ~= 'living' or ends <= now then return 0 end
wanted = math.min(wanted, tonumber(string.sub(found, 21, 36)))
if wanted > ends then
  redis.call('SETRANGE', key, 3, string.format('%016.0f', wanted))
  redis.call('SETRANGE', key, ${String(HEAD_LENGTH - 1)}, ARGV[3])
  if ARGV[4] == '1' then expire(key, wanted, now) end
end
return 1`);

/** now */
const REMOVE = script(`${LOOK}
local kind, ends, found = look(KEYS[1], ${String(HEAD_LENGTH - 1)})
if kind == 'fault' then return found end
redis.call('UNLINK', KEYS[1])
return ends > tonumber(ARGV[1]) and 1 or 0`);

export class OwnFormat implements Format {
  readonly #options: FormatOptions;

  constructor(options: FormatOptions) {
    this.#options = options;
  }

  async read(key: SessionKey): Promise<Stored | null> {
    const text = await this.#textOf(key);
    if (text === null) return null;
    const stored = storedIn(key, text);
    return { ...stored, record: { ...stored.record, data: await this.#dataIn(stored.record) } };
  }

  async put(record: SessionRecord, end: End, expectedVersion: string | null): Promise<boolean> {
    const { serializer, expires } = this.#options;
    const body = serializer?.stringify(JSON.parse(record.data) as StoredSession) ?? record.data;
    const expected = expectedVersion === null ? '' : `=${versionText(expectedVersion)}`;
    const as = isLiving(record) ? 'living' : 'closed';
    // What has ended goes, whatever becomes of the living.
    const flag = expires || as === 'closed' ? '1' : '0';
    const args = [expected, textOf(record, end, body), timeText(end.dueAt), as, flag];
    return this.#run(PUT, record.key, ...args);
  }

  async extend(key: SessionKey, end: End): Promise<boolean> {
    const flag = this.#options.expires ? '1' : '0';
    return this.#run(EXTEND, key, timeText(end.dueAt), signOf(end), flag);
  }

  async remove(key: SessionKey): Promise<boolean> {
    return this.#run(REMOVE, key);
  }

  namesOf(key: SessionKey): [string] {
    return [this.#options.nameOf(key)];
  }

  async #textOf(key: SessionKey, isSecondLook = false): Promise<string | null> {
    const { connection } = this.#options;
    const [name] = this.namesOf(key);
    try {
      return (await connection.send(name, ['GET', name])) as string | null;
    } catch (error) {
      if (!isWrongType(error)) throw error;
    }
    // One that has ended, and may be gone by now.
    const text = await connection.send(name, ['HGET', name, 'text']).catch((error: unknown) => {
      throw isWrongType(error) ? corrupt() : error;
    });
    if (text !== null) return text as string;
    if (isSecondLook) throw corrupt();
    return this.#textOf(key, true);
  }

  async #run(step: Script, key: SessionKey, ...args: readonly string[]): Promise<boolean> {
    const { connection, clock } = this.#options;
    return Number(await run(connection, step, this.namesOf(key), String(clock.now()), ...args)) === 1;
  }

  /** @throws {SessionError} ERR_SESSION_CORRUPT */
  async #dataIn({ data }: SessionRecord): Promise<string> {
    const { serializer } = this.#options;
    if (serializer === undefined) {
      if (data.startsWith('{') && data.endsWith('}')) return data;
    } else {
      try {
        return JSON.stringify(await serializer.parse(data));
      } catch {
        // What it says may quote the data.
      }
    }
    throw corrupt();
  }
}
