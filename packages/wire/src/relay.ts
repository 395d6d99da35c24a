import type { Duplex } from 'node:stream';

/** What went through a relay. */
export interface Relayed {
  /** From the first stream to the second. */
  readonly forwardBytes: number;
  readonly backBytes: number;
}

/**
 * Joins two streams until both directions have ended. Slow readers slow the writers down; an end on one side becomes an end on
 * the other and leaves the opposite direction open; an error, a cut, or the signal destroys both and rejects.
 */
export async function pipe(a: Duplex, b: Duplex, o: { signal?: AbortSignal } = {}): Promise<Relayed> {
  const { signal } = o;
  const destroyBoth = (): void => {
    for (const stream of [a, b]) {
      stream.on('error', () => undefined);
      stream.destroy();
    }
  };
  signal?.addEventListener('abort', destroyBoth, { once: true });
  try {
    signal?.throwIfAborted();
    const [forwardBytes, backBytes] = await Promise.all([copy(a, b), copy(b, a)]);
    return { forwardBytes, backBytes };
  } catch (error) {
    destroyBoth();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', destroyBoth);
  }
}

/** One direction, until `from` has ended and `to` has taken everything. */
function copy(from: Duplex, to: Duplex): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    let ended = from.readableEnded;
    const settle = (): void => {
      from.off('data', onData).off('end', onEnd).off('close', onClose).off('error', fail);
      to.off('drain', onDrain).off('close', onClose).off('error', fail);
    };
    const fail = (error: unknown): void => {
      settle();
      reject(error);
    };
    const onData = (piece: Buffer): void => {
      bytes += piece.length;
      if (!to.write(piece)) from.pause();
    };
    const onDrain = (): void => void from.resume();
    const finish = (): void => {
      settle();
      resolve(bytes);
    };
    const onEnd = (): void => {
      ended = true;
      if (to.writableFinished) finish();
      else to.end(finish);
    };
    const onClose = (): void => {
      if (ended && to.writableFinished) finish();
      else fail(Object.assign(new Error('one side of the relay was cut'), { code: 'ECONNRESET' }));
    };
    from.on('data', onData).on('end', onEnd).on('close', onClose).on('error', fail);
    to.on('drain', onDrain).on('close', onClose).on('error', fail);
    if (ended) onEnd();
    else if (from.destroyed || to.destroyed) onClose();
  });
}
