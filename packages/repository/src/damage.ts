import { type HoldfastError, hasCode } from '@holdfast/core';

/**
 * True when an error says that an object itself is wrong or gone, so that the next one may be fine. Everything else
 * (the storage does not answer, the work was cancelled) says nothing about the repository and must end what is being done.
 */
export function isDamage(error: unknown): error is HoldfastError {
  return hasCode(
    error,
    'storage.missing',
    'storage.range',
    'storage.tampered',
    'repository.damaged',
    'repository.version',
    'internal.limit',
  );
}
