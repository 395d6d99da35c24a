import { HoldfastError, isHoldfastError } from '@holdfast/core';
import { cancellation, throwIfCancelled } from '../cancellation.ts';
import { maxPiecesPerWrite, writeBatchBytes } from '../limits.ts';

export interface BatchOptions {
  /** Where the bytes come from and what they are, for messages. */
  readonly what: string;
  /** Exactly so many bytes must come, if known. */
  readonly expectedSizeBytes: number | undefined;
  /** Refuse more than that with `storage.size`. */
  readonly maxSizeBytes: number;
  readonly signal: AbortSignal | undefined;
}

type Source = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** The bytes of a body in lists of pieces of about a MiB each, with the size checked on the way. */
export async function* batches(source: Source, options: BatchOptions): AsyncGenerator<Uint8Array[]> {
  const { what, expectedSizeBytes, maxSizeBytes, signal } = options;
  const tooLarge = (sizeBytes: number): HoldfastError =>
    new HoldfastError('storage.size', {
      message: `${what} has ${sizeBytes} bytes or more; objects of its type have at most ${maxSizeBytes}`,
      context: { sizeBytes, maxSizeBytes },
    });
  if (expectedSizeBytes !== undefined && expectedSizeBytes > maxSizeBytes) throw tooLarge(expectedSizeBytes);
  let totalBytes = 0;
  let batch: Uint8Array[] = [];
  let batchBytes = 0;
  for await (const piece of guarded(source, what, signal)) {
    totalBytes += piece.length;
    if (totalBytes > maxSizeBytes) throw tooLarge(totalBytes);
    if (expectedSizeBytes !== undefined && totalBytes > expectedSizeBytes)
      throw new HoldfastError('request.invalid', {
        message: `${what} was announced with ${expectedSizeBytes} bytes, but more came`,
      });
    for (let offset = 0; offset < piece.length; offset += writeBatchBytes) {
      const part = piece.subarray(offset, offset + writeBatchBytes);
      batch.push(part);
      batchBytes += part.length;
      if (batchBytes < writeBatchBytes && batch.length < maxPiecesPerWrite) continue;
      yield batch;
      batch = [];
      batchBytes = 0;
    }
  }
  if (expectedSizeBytes !== undefined && totalBytes < expectedSizeBytes)
    throw new HoldfastError('channel.closed', {
      message: `${what} was cut off after ${totalBytes} of ${expectedSizeBytes} bytes`,
      context: { receivedBytes: totalBytes, expectedSizeBytes },
    });
  if (batch.length > 0) yield batch;
}

/** Tells failures of the source from failures of the disk. */
async function* guarded(source: Source, what: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of source) {
      throwIfCancelled(signal);
      yield piece;
    }
    throwIfCancelled(signal);
  } catch (error) {
    if (isHoldfastError(error)) throw error;
    if (signal?.aborted) throw cancellation(signal);
    throw new HoldfastError('channel.closed', { message: `${what} was cut off by whoever sent it`, cause: error });
  }
}
