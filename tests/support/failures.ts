// What a rejected promise or a throwing function fails with, for tests that look at more than its code.
import { SessionError, type SessionErrorCode } from '../../src/core/errors.js';

/** What `toThrow` and `rejects` compare with: any error of this code. */
export const withCode = (code: SessionErrorCode): unknown =>
  expect.objectContaining({ name: 'SessionError', code });

/** The error that a function throws. */
export function thrownBy(work: () => unknown): SessionError {
  try {
    work();
  } catch (error) {
    if (error instanceof SessionError) return error;
    throw error;
  }
  throw new Error('Nothing was thrown.');
}
