import { HoldfastError } from '@holdfast/core';
import type { ObjectName } from './target.ts';

/** Refuses what can't have a date, and what isn't one. */
export function requireRetainable(name: ObjectName, until?: Date): void {
  if (name.type === 'lock')
    throw new HoldfastError('storage.unsupported', {
      message: 'Locks are never protected: whoever made one must be able to remove it',
    });
  // Years beyond 9999 have no RFC 3339 form.
  if (until && !(until.getTime() <= Date.UTC(9999, 11, 31)))
    throw new HoldfastError('request.invalid', { message: 'The date to keep an object until is not a valid date' });
}
