import type { Readable } from 'node:stream';

/**
 * The bytes of a stream in batches of one size; only the last one may be smaller. Two take turns, so that one fills while the
 * other is written: a batch is good until the next one is asked for. The stream is paused while both are full. It is not
 * destroyed.
 *
 * A network brings 16 KiB at a time, as garbage outside of V8's heap. Copied at once they die young; waiting for the disk in
 * lists of pieces they would grow old, and only full collections would free them.
 */
export async function* streamBatches(stream: Readable, batchBytes: number): AsyncGenerator<Uint8Array> {
  if (stream.destroyed && !stream.readableEnded) throw stream.errored ?? cutOff();
  const spare: Buffer[] = [];
  const full: Buffer[] = [];
  let allocated = 0;
  let filling: Buffer | undefined;
  let filledBytes = 0;
  /** What came after both were full. */
  let rest: Uint8Array | undefined;
  let ended = stream.readableEnded;
  let failure: Error | undefined;
  let wake: (() => void) | undefined;

  const next = (): Buffer | undefined => {
    const one = spare.pop();
    if (one !== undefined || allocated === 2) return one;
    allocated += 1;
    return Buffer.allocUnsafeSlow(batchBytes);
  };
  const take = (piece: Uint8Array): void => {
    for (let at = 0; at < piece.length; ) {
      filling ??= next();
      if (filling === undefined) {
        rest = piece.subarray(at);
        stream.pause();
        break;
      }
      const part = piece.subarray(at, at + filling.length - filledBytes);
      filling.set(part, filledBytes);
      filledBytes += part.length;
      at += part.length;
      if (filledBytes < filling.length) continue;
      full.push(filling);
      filling = undefined;
      filledBytes = 0;
    }
    if (full.length > 0) wake?.();
  };
  const onEnd = (): void => {
    ended = true;
    wake?.();
  };
  const onFailure = (error?: Error): void => {
    if (!ended) failure ??= error ?? cutOff();
    wake?.();
  };

  stream.on('data', take).once('end', onEnd).once('error', onFailure).once('close', onFailure);
  try {
    for (;;) {
      const batch = full.shift();
      if (batch !== undefined) {
        yield batch;
        spare.push(batch);
        if (rest === undefined) continue;
        const more = rest;
        rest = undefined;
        take(more);
        if (rest === undefined) stream.resume();
      } else if (failure !== undefined) throw failure;
      else if (ended) break;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
    if (filling !== undefined) yield filling.subarray(0, filledBytes);
  } finally {
    stream.off('data', take).off('end', onEnd).off('error', onFailure).off('close', onFailure);
    stream.pause();
  }
}

function cutOff(): Error {
  return new Error('the stream was closed before its end');
}
