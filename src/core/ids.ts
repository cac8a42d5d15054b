// Identifiers: the secret id of the cookie, its public handle, and what may pass for an id.
import { hash, randomBytes } from 'node:crypto';

import type { SessionHandle, SessionId } from './contract.js';
import { SessionError } from './errors.js';

/** Gives `size` unpredictable bytes, or throws: a failing source fails the creation of the session. */
export type RandomSource = (size: number) => Buffer;

const ID_BYTES = 32;
/** 22 characters of base64url hold 128 bits; 256 keeps a signed cookie far below the 4,096 bytes of browsers. */
const ID = /^[A-Za-z0-9_-]{22,256}$/;
const HANDLE = /^sha256:[0-9a-f]{64}$/;

/** A fresh id of 256 bits (OWASP Session Management Cheat Sheet asks for 64 of entropy, NIST 800-63B for 64). */
export function randomId(random: RandomSource = randomBytes): SessionId {
  const bytes = random(ID_BYTES);
  if (!Buffer.isBuffer(bytes) || bytes.length !== ID_BYTES)
    throw new SessionError(
      'ERR_SESSION_ID',
      `The random source must return a Buffer of ${String(ID_BYTES)} bytes.`,
    );
  return bytes.toString('base64url') as SessionId;
}

/** Whether text has the form of an id. Checked before any I/O: no path, no query and no handle passes. */
export function isId(text: unknown): text is SessionId {
  return typeof text === 'string' && ID.test(text);
}

/** Whether text has the form of a handle. No id does: it has no colon. */
export function isHandle(text: unknown): text is SessionHandle {
  return typeof text === 'string' && HANDLE.test(text);
}

/** The public name of a session: one way, so that a leaked list, log or disk opens no session (CVE-2019-16782). */
export function handleOf(id: SessionId): SessionHandle {
  // Joined, not concatenated: a store that keeps millions of them keeps flat strings, 100 bytes less each.
  return ['sha256', hash('sha256', id)].join(':') as SessionHandle;
}

/** Checks what an application's `generateId` returned, at each use. */
export function checkedId(generated: unknown): SessionId {
  if (isId(generated)) return generated;
  throw new SessionError(
    'ERR_SESSION_ID',
    'generateId must return a string of 22 to 256 characters out of A-Z a-z 0-9 _ -; leave the option out for 256 random bits.',
  );
}
