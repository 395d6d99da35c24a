import { type ErrorCode, errnoOf, HoldfastError, isHoldfastError } from '@holdfast/core';
import { printPath } from './byte-path.ts';

const gone = new Set(['ENOENT', 'ENOTDIR', 'ESTALE']);

/** A file that could not be read as the person should hear of it: `file.vanished` or `file.unreadable`. */
export function readProblem(path: Uint8Array, error: unknown): HoldfastError {
  const errno = errnoOf(error);
  if (errno !== undefined && gone.has(errno))
    return problem('file.vanished', path, 'vanished before it was read', error);
  return problem('file.unreadable', path, `could not be read (${reason(error)})`, error);
}

/** One problem with one file; the message is the path and what is the matter. */
export function problem(code: ErrorCode, path: Uint8Array, what: string, cause?: unknown): HoldfastError {
  const where = printPath(path);
  const errno = errnoOf(cause);
  return new HoldfastError(code, {
    message: `${where} ${what}.`,
    context: { path: where, ...(errno === undefined ? {} : { errno }) },
    ...(cause === undefined ? {} : { cause }),
  });
}

export function reason(error: unknown): string {
  if (isHoldfastError(error)) return error.message;
  return errnoOf(error) ?? (error instanceof Error ? error.message : String(error));
}
