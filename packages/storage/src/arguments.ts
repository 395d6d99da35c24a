import { HoldfastError } from '@holdfast/core';
import { defaultPageSize, maxPageSize, maxReadBytes } from './limits.ts';
import { isObjectId } from './object-name.ts';
import type { ListOptions, ReadOptions } from './target.ts';

/** Offset and length of a read, checked: whole numbers from 0 on. */
export function checkedRange(options: ReadOptions): { offset: number; length: number | undefined } {
  const { offset = 0, length } = options;
  for (const [what, value] of Object.entries({ offset, length: length ?? 0 }))
    if (!Number.isSafeInteger(value) || value < 0)
      throw new HoldfastError('request.invalid', { message: `The ${what} of a read can't be ${value}` });
  return { offset, length };
}

/** One read is held in memory whole, so it has a limit. */
export function requireReadable(length: number): void {
  if (length > maxReadBytes)
    throw new HoldfastError('internal.limit', {
      message: `A read of ${length} bytes at once is over the limit of ${maxReadBytes}; read it in ranges`,
    });
}

/** Start and size of the pages of a list, checked. */
export function checkedPaging(options: ListOptions): { after: string; pageSize: number } {
  const { after = '', pageSize = defaultPageSize } = options;
  if (after !== '' && !isObjectId(after))
    throw new HoldfastError('request.invalid', { message: 'A list can only start after an id of 64 digits' });
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > maxPageSize)
    throw new HoldfastError('request.invalid', { message: `A page has 1 to ${maxPageSize} entries, not ${pageSize}` });
  return { after, pageSize };
}
