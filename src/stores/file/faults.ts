// Every fault of the file system as one kind of error, with what to do about it.
import { SessionError } from '../../core/errors.js';

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full, or out of inodes: make room.',
  EDQUOT: 'The disk quota of this user is used up: make room.',
  EMFILE: 'This process has too many files open: raise `ulimit -n`.',
  ENFILE: 'The system has too many files open.',
  EACCES: 'This process may not use the files: check their owner and permissions.',
  EPERM: 'The system does not permit it: check the permissions, and that the file system has hard links.',
  EROFS: 'The file system is read-only.',
  EIO: 'The disk has a fault.',
};

/** A write that failed may have landed or not, whole in either case: reading tells. */
export function asStoreError(cause: unknown): SessionError {
  if (cause instanceof SessionError) return cause;
  const { code, syscall = 'a call' } = cause as NodeJS.ErrnoException;
  return new SessionError(
    'ERR_SESSION_STORE',
    code === undefined
      ? 'The file store failed. The cause says why.'
      : `The file store failed: ${syscall} said ${code}. ${ADVICE[code] ?? 'The cause says more.'}`,
    { cause },
  );
}
