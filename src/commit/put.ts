// One write whose outcome is known: a store's "no" and its faults are looked into before they are believed.
import { YES } from '../core/answers.js';
import type { SessionRecord } from '../core/contract.js';
import { hasCode, type SessionError } from '../core/errors.js';
import type { StoreCalls } from './store-calls.js';

type Outcome = 'landed' | SessionRecord | null;

/**
 * Inserts a record (`before` is null) or replaces the version before it.
 *
 *   us: replace(v1) · driver: sends it, the connection breaks, sends it again -> false, v1 is no longer v0
 *   us: replace(v1) · store: has it, but answers after the timeout
 *
 * Both report a failure for what has landed, so a `false` and a fault are followed by a look: is that version ours?
 * @returns `'landed'`, or what stands there instead
 * @throws {SessionError} the fault, if the write has not landed
 */
export function put(
  calls: StoreCalls,
  record: SessionRecord,
  before: SessionRecord | null,
): Outcome | Promise<Outcome> {
  const answer = before === null ? calls.insert(record) : calls.replace(record, before.version);
  return answer === YES ? 'landed' : outcomeOf(answer, calls, record, before);
}

async function outcomeOf(
  answer: Promise<boolean>,
  calls: StoreCalls,
  record: SessionRecord,
  before: SessionRecord | null,
): Promise<Outcome> {
  let fault: Error | undefined;
  try {
    if (await answer) return 'landed';
  } catch (error) {
    if (hasCode(error, 'ERR_SESSION_STORE_CONTRACT')) throw error;
    fault = error as SessionError;
  }
  const found = await calls.find(record.key, true).catch((error: unknown) => {
    fault ??= error as SessionError;
    return null;
  });
  if (found?.version === record.version) return 'landed';
  if (fault === undefined) return found;
  if (before === null) calls.undoLateInsert(record.key);
  throw fault;
}
