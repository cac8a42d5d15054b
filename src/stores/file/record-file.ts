// The bytes of a session's file: a header, the record's facts and its data, each in a line that a person can read.
//
//   session-store-js 1 3 0f5c…2a 1766000000000 187 9be1c3d0     format, version, end, bytes that follow, checksum
//   {"key":"sha256:…","version":"…","createdAt":…,…}
//   {"visits":3}
//
// The first line stays as it is in every format to come. The checksum covers all other bytes.
import { crc32 } from 'node:zlib';

import type { SessionRecord } from '../../core/contract.js';
import { SessionError } from '../../core/errors.js';
import { wholeMs, type Version } from './layout.js';

/** A version of a session as its file holds it. */
export interface Stored extends Version {
  readonly record: SessionRecord;
  /** When it ends unless it is touched, epoch ms. */
  readonly dueAt: number;
}

/** A file at a session's place that holds none. */
export class CorruptFile extends Error {}

/** The largest file, bytes: more is not read. */
export const MAX_BYTES = 16 * 1024 * 1024;

const MAGIC = 'session-store-js';
const FORMAT = '1';
const HEADER =
  /^(session-store-js (\d{1,4}) ([1-9]\d{0,14}) ([0-9a-z-]{1,64}) (\d{1,16}) (\d{1,9}) )([0-9a-f]{8})\n$/;
/** Longer than any header. */
const MAX_HEADER = 160;
const NEWLINE = 10;

/** @throws {SessionError} ERR_SESSION_TOO_LARGE */
export function encode({ seq, nonce, dueAt, record }: Stored): Buffer {
  const { data, ...facts } = record;
  const body = Buffer.from(`${JSON.stringify(facts)}\n${data}\n`);
  if (body.length + MAX_HEADER > MAX_BYTES)
    throw new SessionError(
      'ERR_SESSION_TOO_LARGE',
      `The session would take ${body.length} bytes; the file store takes ${MAX_BYTES} at most.`,
    );
  const header = `${MAGIC} ${FORMAT} ${seq} ${nonce} ${wholeMs(dueAt)} ${body.length} `;
  const checksum = crc32(body, crc32(header)).toString(16).padStart(8, '0');
  return Buffer.concat([Buffer.from(`${header}${checksum}\n`), body]);
}

/**
 * @throws {CorruptFile} saying what is wrong
 * @throws {SessionError} ERR_SESSION_STORE for a whole file of a format that this version of the package does not know
 */
export function decode(bytes: Buffer): Stored {
  const end = bytes.subarray(0, MAX_HEADER).indexOf(NEWLINE) + 1;
  const match = HEADER.exec(bytes.toString('latin1', 0, end));
  if (match === null) throw new CorruptFile(bytes.length === 0 ? 'it is empty' : 'it has no header of ours');
  const [, header = '', format, seq, nonce = '', dueAt, length, checksum = ''] = match;
  const body = bytes.subarray(end);
  if (body.length !== Number(length))
    throw new CorruptFile(`${body.length} bytes follow the header, which says ${String(length)}`);
  if (crc32(body, crc32(header)) !== Number.parseInt(checksum, 16))
    throw new CorruptFile('its checksum does not match');
  if (format !== FORMAT)
    throw new SessionError(
      'ERR_SESSION_STORE',
      `A session's file has format ${String(format)}; this version of session-store-js reads format ${FORMAT}. Update the package.`,
    );
  const split = body.indexOf(NEWLINE);
  const record = recordIn(body.toString('utf8', 0, split), body.toString('utf8', split + 1, body.length - 1));
  return { seq: Number(seq), nonce, dueAt: Number(dueAt), record };
}

function recordIn(factsText: string, data: string): SessionRecord {
  const facts = parsed(factsText);
  const { key, version, createdAt, deadlineAt, idleMs, expiresAt, owner, meta, closed } = (facts ??
    {}) as Partial<SessionRecord>;
  const sound =
    typeof key === 'string' &&
    typeof version === 'string' &&
    typeof createdAt === 'number' &&
    isNumberOrNull(deadlineAt) &&
    isNumberOrNull(idleMs) &&
    isNumberOrNull(expiresAt) &&
    (owner === undefined || typeof owner === 'string') &&
    (meta === undefined || isObject(meta)) &&
    (closed === undefined || typeof (closed as Partial<typeof closed> | null)?.at === 'number') &&
    isObject(parsed(data));
  if (!sound) throw new CorruptFile('it does not hold the fields of a session');
  return {
    v: 1,
    key,
    data,
    version,
    createdAt,
    deadlineAt,
    idleMs,
    expiresAt,
    ...(owner === undefined ? null : { owner }),
    ...(meta === undefined ? null : { meta }),
    ...(closed === undefined ? null : { closed }),
  };
}

const isNumberOrNull = (value: unknown): value is number | null =>
  value === null || typeof value === 'number';

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CorruptFile('it does not hold JSON');
  }
}
