// What Redis does in one atomic step on one key. A living session is a string (see record-text.ts); one that has ended is a
// hash, so that the server can tell the two apart without reading them.
import { createHash } from 'node:crypto';

import type { Connection } from './client.js';
import { NEVER } from './record-text.js';
import { isScriptMissing } from './replies.js';

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

/** Of a living record; what is left of the text is its head. */
const HEAD_LENGTH = 38;

/** How many of a user's other sessions are named with each that is added. */
const SAMPLE = 4;
/** The field of the moments of revocation that names their last change. */
export const LAST_CHANGE = '#';

const SOURCES = {
  // now, the version that must be there ('' for none), the text, its end, how: 'living', 'closed'; 1 to expire
  put: `${LOOK}
local key, now, expected, text, due, as = KEYS[1], tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local kind, ends, found = look(key, -1)
if kind == 'fault' then return found end
if expected == '' then
  if ends > now then return 0 end
elseif kind ~= 'living' or ends <= now or string.match(found, '^[^\\n]*\\n([^\\n]*)\\n') ~= expected then
  return 0
end
if as == 'closed' then
  redis.call('DEL', key)
  redis.call('HSET', key, 'due', ARGV[4], 'text', text)
else
  redis.call('SET', key, text)
end
if ARGV[6] == '1' then expire(key, due, now) end
return 1`,

  // now, the end that is wanted, '+' if that is the session's own, 1 to expire
  extend: `${LOOK}
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
return 1`,

  // now
  remove: `${LOOK}
local kind, ends, found = look(KEYS[1], ${String(HEAD_LENGTH - 1)})
if kind == 'fault' then return found end
redis.call('UNLINK', KEYS[1])
return ends > tonumber(ARGV[1]) and 1 or 0`,

  // A user's sessions: now, the session, how long it can live at most, ms ('' for ever). Some of the others, to be looked at.
  own: `
local key, life = KEYS[1], tonumber(ARGV[3])
local isNew = redis.call('EXISTS', key) == 0
redis.call('ZADD', key, ARGV[1], ARGV[2])
local left = redis.call('PTTL', key)
if not life then redis.call('PERSIST', key)
elseif isNew or (left >= 0 and left < life) then redis.call('PEXPIRE', key, ARGV[3]) end
return redis.call('ZRANDMEMBER', key, ${String(SAMPLE)}, 'WITHSCORES')`,

  // A moment of revocation: the field, the moment, a name for this change.
  revoke: `
local before = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
if before and before >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], '${LAST_CHANGE}', ARGV[3])
return 1`,
} as const;

export type ScriptName = keyof typeof SOURCES;

const DIGESTS = Object.fromEntries(
  Object.entries(SOURCES).map(([name, source]) => [name, createHash('sha1').update(source).digest('hex')]),
) as Readonly<Record<ScriptName, string>>;

/** Runs a script; a server that does not know it yet, or has been restarted, is given it. */
export async function run(
  { send }: Connection,
  name: ScriptName,
  key: string,
  ...args: readonly string[]
): Promise<unknown> {
  try {
    return await send(key, ['EVALSHA', DIGESTS[name], '1', key, ...args]);
  } catch (error) {
    if (!isScriptMissing(error)) throw error;
    return send(key, ['EVAL', SOURCES[name], '1', key, ...args]);
  }
}
