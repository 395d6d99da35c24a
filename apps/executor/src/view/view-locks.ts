import { createHash } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import { objectSizeLimits } from '@holdfast/storage';
import { maxViewLocks } from '../limits.ts';

/**
 * The locks that a reader of a view makes, as it would in any repository: they are here alone, because the lock that keeps the
 * repository as it is for the reader is the executor's.
 */
export class ViewLocks {
  readonly #locks = new Map<string, Buffer>();

  list(): { id: string; sizeBytes: number }[] {
    return [...this.#locks].map(([id, { byteLength }]) => ({ id, sizeBytes: byteLength })).sort(byId);
  }

  get(id: string): Buffer | undefined {
    return this.#locks.get(id);
  }

  /** @throws storage.size, storage.tampered, internal.limit */
  async add(id: string, body: AsyncIterable<Buffer>): Promise<'created' | 'identical'> {
    const pieces: Buffer[] = [];
    let sizeBytes = 0;
    for await (const piece of body) {
      sizeBytes += piece.length;
      if (sizeBytes > objectSizeLimits.lock)
        throw new HoldfastError('storage.size', { message: `A lock has at most ${objectSizeLimits.lock} bytes.` });
      pieces.push(piece);
    }
    const bytes = Buffer.concat(pieces);
    if (createHash('sha256').update(bytes).digest('hex') !== id)
      throw new HoldfastError('storage.tampered', { message: 'The lock is not what its name says.' });
    if (this.#locks.has(id)) return 'identical';
    if (this.#locks.size >= maxViewLocks)
      throw new HoldfastError('internal.limit', { message: `A view has at most ${maxViewLocks} locks.` });
    this.#locks.set(id, bytes);
    return 'created';
  }

  delete(id: string): boolean {
    return this.#locks.delete(id);
  }
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}
