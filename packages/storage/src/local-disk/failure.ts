import { type ErrorCode, errnoOf, HoldfastError, isHoldfastError, toHoldfastError } from '@holdfast/core';

interface Meaning {
  readonly code: ErrorCode;
  readonly because: string;
  readonly guidance?: string;
}

/** What an error number of the operating system means for a repository on a disk. */
const meanings: Readonly<Record<string, Meaning>> = {
  ENOENT: { code: 'storage.missing', because: 'it is not there' },
  ENOSPC: { code: 'storage.full', because: 'no space is left on the file system' },
  EDQUOT: { code: 'storage.full', because: 'the quota is used up' },
  EFBIG: { code: 'storage.full', because: 'the file system does not allow files of that size' },
  EACCES: { code: 'storage.permission', because: 'access is denied' },
  EPERM: { code: 'storage.permission', because: 'the operation is not permitted' },
  EROFS: {
    code: 'storage.permission',
    because: 'the file system is mounted read-only',
    guidance: 'Mount it writable; a file system that became read-only by itself has errors: see the system log.',
  },
  ELOOP: {
    code: 'storage.tampered',
    because: 'it is a symbolic link',
    guidance: 'Links inside a repository are never followed. Find out who put it there.',
  },
  ENOTDIR: { code: 'storage.tampered', because: 'a file is where a folder belongs' },
  EISDIR: { code: 'storage.tampered', because: 'a folder is where a file belongs' },
  EMFILE: {
    code: 'storage.unavailable',
    because: 'this process has too many files open',
    guidance: 'Raise the limit of open files (ulimit -n).',
  },
  ENFILE: { code: 'storage.unavailable', because: 'the system has too many files open' },
};

/** A failure of the file system as the error that a target promises. `operation`: "read data 1a2b…". */
export function diskFailure(error: unknown, operation: string, path: string): HoldfastError {
  if (isHoldfastError(error)) return error;
  const errno = errnoOf(error);
  if (errno === undefined) return toHoldfastError(error);
  const meaning: Meaning = meanings[errno] ?? { code: 'storage.unavailable', because: `the system reports ${errno}` };
  return new HoldfastError(meaning.code, {
    message: `Can't ${operation}: ${meaning.because} (${path})`,
    ...(meaning.guidance === undefined ? {} : { guidance: meaning.guidance }),
    context: { path, errno },
    cause: error,
  });
}
