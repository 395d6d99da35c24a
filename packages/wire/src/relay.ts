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
  // With an error, so that a cut does not look like an orderly end at the far sides.
  const destroyBoth = (): void => {
    for (const stream of [a, b]) {
      stream.on('error', () => stream.destroy());
      stream.destroy(cutError());
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
      from.off('data', onData).off('end', onEnd).off('close', onFromClose).off('error', fail);
      to.off('drain', onDrain).off('finish', onFinish).off('close', onToClose).off('error', fail);
    };
    const fail = (error: unknown): void => {
      settle();
      reject(error);
    };
    const cut = (): void => fail(cutError());
    const finish = (): void => {
      settle();
      resolve(bytes);
    };
    const onData = (piece: Buffer): void => {
      bytes += piece.length;
      if (!to.write(piece)) from.pause();
    };
    const onDrain = (): void => void from.resume();
    const onEnd = (): void => {
      ended = true;
      if (to.writableFinished) finish();
      else if (to.destroyed) cut();
      else to.end();
    };
    // `to` may end by itself, when its own end came from the far side: then nothing more can be passed on.
    const onFinish = (): void => {
      if (ended) finish();
    };
    // A stream that has ended both ways closes by itself, perhaps before the other one has taken all of it.
    const onFromClose = (): void => {
      if (!ended) cut();
    };
    const onToClose = (): void => {
      if (ended && to.writableFinished) finish();
      else cut();
    };
    from.on('data', onData).on('end', onEnd).on('close', onFromClose).on('error', fail);
    to.on('drain', onDrain).on('finish', onFinish).on('close', onToClose).on('error', fail);
    if (ended) onEnd();
    else if (from.destroyed || to.destroyed) cut();
  });
}

function cutError(): Error {
  return Object.assign(new Error('one side of the relay was cut'), { code: 'ECONNRESET' });
}
