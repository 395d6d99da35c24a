import type { Duplex } from 'node:stream';

/** What a wait on a socket is bounded by. */
export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** An error with Node's code for a wait that took too long, so that one place diagnoses it with the rest. */
function timeoutError(): Error {
  return Object.assign(new Error('the time limit passed'), { code: 'ETIMEDOUT' });
}

/**
 * Waits until `attempt` gives something, trying at once and at each of the events. Rejects with the stream's error, ECONNRESET
 * when it ends or closes, ETIMEDOUT, or the signal's reason. Does not destroy the stream: the caller knows why it waited.
 */
export function waitOn<T>(
  stream: Duplex,
  events: readonly string[],
  attempt: () => T | undefined,
  o: WaitOptions,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let late: NodeJS.Immediate | undefined;
    const settle = (): void => {
      clearTimeout(timer);
      clearImmediate(late);
      o.signal?.removeEventListener('abort', onAbort);
      for (const event of events) stream.off(event, onEvent);
      for (const event of ['end', 'close']) stream.off(event, onOver);
      stream.off('error', fail);
    };
    const fail = (error: unknown): void => {
      settle();
      reject(error);
    };
    const onAbort = (): void => fail(o.signal?.reason);
    const onOver = (): void => fail(Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' }));
    const onEvent = (): void => {
      const value = attempt();
      if (value === undefined) return;
      settle();
      resolve(value);
    };
    const timer = setTimeout(() => {
      // What arrived while this process stood still has not been looked at: timers are first, then what has arrived.
      late = setImmediate(() => fail(timeoutError()));
    }, o.timeoutMs);
    if (o.signal?.aborted) return onAbort();
    o.signal?.addEventListener('abort', onAbort, { once: true });
    for (const event of events) stream.on(event, onEvent);
    for (const event of ['end', 'close']) stream.on(event, onOver);
    stream.on('error', fail);
    if (stream.errored) return fail(stream.errored);
    if (stream.destroyed) return onOver();
    return onEvent();
  });
}

/** Reads exactly that many bytes and leaves the rest in the stream. */
export function readExactly(stream: Duplex, sizeBytes: number, o: WaitOptions): Promise<Buffer> {
  return waitOn<Buffer>(
    stream,
    ['readable'],
    () => {
      const piece: unknown = stream.read(sizeBytes);
      // At the end of the stream `read` gives what is left, which may be less.
      return Buffer.isBuffer(piece) && piece.length === sizeBytes ? piece : undefined;
    },
    o,
  );
}
