// A record as the text that Redis keeps. The first line has the times, each at its place, so that a touch moves the end
// without the data; then come the version, the facts and the data, each as a person would want to read them.
//
//   s1 1763754000000000 9000000000000000 +
//   kX0bq2WnVtYd-4f
//   {"createdAt":1763750400000,"idleMs":3600000,"owner":"ada"}
//   {"cart":["book"]}
import type { SessionKey, SessionRecord } from '../../core/contract.js';
import { SessionError } from '../../core/errors.js';

/** An end that never comes: above all times, and exact as a double, which Lua counts with. */
export const NEVER = 9_000_000_000_000_000;
const DIGITS = 16;
/** Of a record's first line; what is left of the text is its head. */
export const HEAD_LENGTH = 38;
const HEAD = /^s1 (\d{16}) (\d{16}) ([+-])$/;

/** The end of a record: its own, or the one that the store gives those without. */
export interface End {
  /** Epoch ms, or NEVER. */
  readonly dueAt: number;
  readonly isOwn: boolean;
}

/** An end before 1970 has come too. */
export const timeText = (ms: number): string =>
  String(Math.max(Math.min(Math.floor(ms), NEVER), 0)).padStart(DIGITS, '0');

/** How the first line says whose end it is. */
export const signOf = ({ isOwn }: End): string => (isOwn ? '+' : '-');

/** @param body How the data is kept. */
export function textOf(record: SessionRecord, end: End, body: string): string {
  const { version, createdAt, deadlineAt, idleMs, owner, meta, closed } = record;
  const head = `s1 ${timeText(end.dueAt)} ${timeText(deadlineAt ?? NEVER)} ${signOf(end)}`;
  return [head, versionText(version), JSON.stringify({ createdAt, idleMs, owner, meta, closed }), body].join(
    '\n',
  );
}

/** A version is compared as it stands in the text. */
export const versionText = (version: string): string => encodeURIComponent(version);

export interface Stored {
  /** With the data as it is kept. */
  readonly record: SessionRecord;
  readonly dueAt: number;
}

/** @throws {SessionError} ERR_SESSION_CORRUPT for a text that is no record */
export function storedIn(key: SessionKey, text: string): Stored {
  const [head = '', version = '', facts = ''] = text.split('\n', 3);
  const times = HEAD.exec(head);
  const { createdAt, idleMs, owner, meta, closed } = factsIn(facts);
  const writtenVersion = decoded(version);
  if (times === null || writtenVersion === '' || typeof createdAt !== 'number') throw corrupt();
  const [dueAt, deadlineAt] = [Number(times[1]), Number(times[2])];
  return {
    dueAt,
    record: {
      v: 1,
      key,
      data: text.slice(head.length + version.length + facts.length + 3),
      version: writtenVersion,
      createdAt,
      deadlineAt: deadlineAt === NEVER ? null : deadlineAt,
      idleMs: idleMs ?? null,
      expiresAt: times[3] === '+' ? dueAt : null,
      ...(owner === undefined ? null : { owner }),
      ...(meta === undefined ? null : { meta }),
      ...(closed === undefined ? null : { closed }),
    },
  };
}

function factsIn(text: string): Partial<SessionRecord> {
  try {
    return (JSON.parse(text) ?? {}) as Partial<SessionRecord>;
  } catch {
    return {};
  }
}

/** `''` for what was not written by `versionText`. */
function decoded(version: string): string {
  try {
    return decodeURIComponent(version);
  } catch {
    return '';
  }
}

export function corrupt(): SessionError {
  return new SessionError(
    'ERR_SESSION_CORRUPT',
    'A value in Redis is no session record: another program writes under this prefix, or the value was cut.',
  );
}
