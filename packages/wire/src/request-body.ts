import type { IncomingMessage, ServerResponse } from 'node:http';
import { HoldfastError } from '@holdfast/core';
import { requestBodyMs } from './limits.ts';

/**
 * A small body, whole. Throws `request.size`, or the code that is given for that, `request.slow`, and `channel.closed` where the client
 * goes. The connection stays as it is, so that the client can be told.
 */
export function requestBody(
  req: IncomingMessage,
  o: { readonly maxBytes: number; readonly tooLarge?: 'request.size' | 'storage.size'; readonly limitMs?: number },
): Promise<Buffer> {
  const { maxBytes, limitMs = requestBodyMs } = o;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const pieces: Buffer[] = [];
  let bytes = 0;
  const leave = (): void => {
    clearTimeout(limit);
    req.off('data', onData).off('end', onEnd).off('close', onClose).pause();
  };
  const fail = (error: HoldfastError): void => {
    leave();
    reject(error);
  };
  const onData = (piece: Buffer): void => {
    bytes += piece.length;
    if (bytes <= maxBytes) pieces.push(piece);
    else
      fail(
        new HoldfastError(o.tooLarge ?? 'request.size', {
          message: `The request's body has more than ${maxBytes} bytes.`,
        }),
      );
  };
  const onEnd = (): void => {
    leave();
    resolve(Buffer.concat(pieces, bytes));
  };
  const onClose = (): void =>
    fail(new HoldfastError('channel.closed', { message: 'The client went away in the middle of its request.' }));
  const onLate = (): void =>
    fail(
      new HoldfastError('request.slow', { message: `The request's body was not there within ${limitMs / 1000} s.` }),
    );
  const limit = setTimeout(onLate, limitMs);
  if (req.destroyed) onClose();
  else req.on('data', onData).once('end', onEnd).once('close', onClose);
  return promise;
}

/**
 * Takes and drops what still comes of a body that is refused, as much and as long as is given: a client that is cut while it sends never
 * sees why. Beyond that the connection ends with the answer, which must not have begun.
 */
export async function takeRest(
  req: IncomingMessage,
  res: ServerResponse,
  bounds: { readonly bytes: number; readonly ms: number },
): Promise<void> {
  if ((await drained(req, bounds)) || res.headersSent || res.destroyed) return;
  res.setHeader('connection', 'close');
  res.once('finish', () => req.socket.destroySoon());
}

/** False: there is more than has to be taken. */
function drained(req: IncomingMessage, bounds: { readonly bytes: number; readonly ms: number }): Promise<boolean> {
  if (req.complete || req.destroyed) return Promise.resolve(true);
  return new Promise((resolve) => {
    let rest = bounds.bytes;
    const settle = (taken: boolean): void => {
      clearTimeout(limit);
      req.off('data', onData).off('end', onEnd).off('close', onEnd);
      if (!taken) req.pause();
      resolve(taken);
    };
    const onData = (piece: Buffer): void => {
      rest -= piece.length;
      if (rest < 0) settle(false);
    };
    const onEnd = (): void => settle(true);
    const limit = setTimeout(() => settle(false), bounds.ms);
    req.on('data', onData).once('end', onEnd).once('close', onEnd);
    req.resume();
  });
}
