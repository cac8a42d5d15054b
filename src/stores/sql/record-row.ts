// The facts of a record as the values of a row, and back.
import type { Closed, SessionKey, SessionMeta, SessionRecord } from '../../core/contract.js';
import { SessionError } from '../../core/errors.js';
import { NEVER } from './format.js';
import type { Row, Value } from './statement.js';

const moment = (ms: number): number => Math.min(Math.floor(ms), NEVER);
const json = (value: object | undefined): string | null =>
  value === undefined ? null : JSON.stringify(value);

export type Facts = Readonly<Record<FactName, Value>>;
export type FactName =
  'version' | 'createdAt' | 'deadlineAt' | 'idleMs' | 'expiresAt' | 'isOwnEnd' | 'owner' | 'meta' | 'closed';

/** @param lifeMs Of a session that brings no end of its own. */
export function factsOf(record: SessionRecord, now: number, lifeMs: number): Facts {
  const { version, createdAt, idleMs, expiresAt, owner, meta, closed } = record;
  const deadlineAt = moment(record.deadlineAt ?? NEVER);
  return {
    version,
    createdAt: moment(createdAt),
    deadlineAt,
    idleMs: idleMs === null ? null : Math.ceil(idleMs),
    expiresAt: Math.min(moment(expiresAt ?? now + lifeMs), deadlineAt),
    isOwnEnd: expiresAt === null ? 0 : 1,
    owner: owner ?? null,
    meta: json(meta),
    closed: json(closed),
  };
}

/**
 * @param row What was read, by what it holds.
 * @throws {SessionError} ERR_SESSION_CORRUPT
 */
export function recordOf(key: SessionKey, row: Row): SessionRecord {
  const { version, data, owner } = row;
  const [createdAt, deadlineAt, expiresAt] = ['createdAt', 'deadlineAt', 'expiresAt'].map((name) =>
    Number(row[name] ?? NaN),
  ) as [number, number, number];
  const isWhole = [version, data].every((value) => typeof value === 'string' && value !== '');
  if (!isWhole || Number.isNaN(createdAt + deadlineAt + expiresAt)) throw corrupt();
  const [meta, closed] = [objectIn(row['meta']), objectIn(row['closed'])];
  return {
    v: 1,
    key,
    data: data as string,
    version: version as string,
    createdAt,
    deadlineAt: deadlineAt === NEVER ? null : deadlineAt,
    idleMs: row['idleMs'] == null ? null : Number(row['idleMs']),
    expiresAt: Number(row['isOwnEnd']) === 1 ? expiresAt : null,
    ...(typeof owner === 'string' ? { owner } : null),
    ...(meta === undefined ? null : { meta: meta as SessionMeta }),
    ...(closed === undefined ? null : { closed: closed as Closed }),
  };
}

/** The object that a text is; `undefined` for no text. @throws {SessionError} ERR_SESSION_CORRUPT */
export function objectIn(text: unknown): object | undefined {
  if (text == null) return undefined;
  try {
    const value: unknown = JSON.parse(text as string);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // What it says may quote the text.
  }
  throw corrupt();
}

export const corrupt = (): SessionError =>
  new SessionError('ERR_SESSION_CORRUPT', 'A row of the table of sessions is no session record.');
