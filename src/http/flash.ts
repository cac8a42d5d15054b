// Messages for the next page. They lie where connect-flash keeps its own.
import { SessionError } from '../core/errors.js';
import { FLASH } from '../core/schema.js';
import type { RequestSession } from './request-session.js';

type Messages = Readonly<Record<string, string[]>>;

/** @throws {SessionError} ERR_SESSION_VALUE for what is no text */
export function withMessage(all: unknown, type: string, message: string): Messages {
  if (!isType(type) || typeof message !== 'string')
    throw new SessionError('ERR_SESSION_VALUE', 'flash(req, type, message) takes two texts.');
  const messages = (all ?? {}) as Messages;
  return { ...messages, [type]: [...messagesOf(messages, type), message] };
}

/** Nothing is written where there is nothing to take. */
export async function takeMessages(session: RequestSession, type: string): Promise<string[]> {
  await session.load();
  if (!isType(type) || messagesOf(session.value(FLASH), type).length === 0) return [];
  let taken: string[] = [];
  await session.update(FLASH, (all) => {
    // Of two pages at once one has them: this may run again on what the other one left.
    taken = messagesOf(all, type);
    return Object.fromEntries(Object.entries((all ?? {}) as Messages).filter(([name]) => name !== type));
  });
  return taken;
}

function messagesOf(all: unknown, type: string): string[] {
  const isThere = typeof all === 'object' && all !== null && Object.hasOwn(all, type);
  const messages: unknown = isThere ? (all as Record<string, unknown>)[type] : [];
  return Array.isArray(messages) ? (messages as string[]) : [];
}

const isType = (type: unknown): boolean => typeof type === 'string' && type !== '' && type !== '__proto__';
