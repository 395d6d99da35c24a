import type { IncomingMessage, ServerResponse } from 'node:http';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import { parseMessage } from '@holdfast/protocol';
import { restHeaders } from '@holdfast/storage';
import type { z } from 'zod';
import { drainTimeoutMs, maxDrainBytes, smallBodyTimeoutMs, transferSilenceMs } from './limits.ts';

const jsonType = 'application/json';

export function sendJson(res: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  res.writeHead(status, { 'content-type': jsonType, 'content-length': Buffer.byteLength(text) }).end(text);
}

/** Reports an error. What still comes of a refused body is taken first, within bounds: a client that is cut while it sends never sees why. */
export async function sendError(
  req: IncomingMessage,
  res: ServerResponse,
  error: unknown,
  status?: number,
): Promise<void> {
  const failure = toHoldfastError(error);
  const taken = await drain(req);
  if (res.headersSent || res.destroyed) {
    // Half an answer can't be taken back: cutting it is the only way to say that it is not whole.
    req.socket.destroy();
    return;
  }
  const code = status ?? failure.entry.http;
  if (code === 401) res.setHeader('www-authenticate', 'Basic realm="holdfast", charset="UTF-8"');
  if (!taken) {
    res.setHeader('connection', 'close');
    res.once('finish', () => req.socket.destroySoon());
  }
  res.setHeader(restHeaders.error, failure.code);
  sendJson(res, code, failure);
}

/** Takes and drops the rest of a body. False: there is more than anybody has to take. */
function drain(req: IncomingMessage): Promise<boolean> {
  if (req.complete || req.destroyed) return Promise.resolve(true);
  return new Promise((resolve) => {
    let rest = maxDrainBytes;
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
    const limit = setTimeout(() => settle(false), drainTimeoutMs);
    req.on('data', onData).once('end', onEnd).once('close', onEnd);
    req.resume();
  });
}

/** A small JSON body, checked. Throws `request.invalid`, `internal.limit`, `run.timeout`. */
export async function readJson<Schema extends z.ZodType>(
  req: IncomingMessage,
  schema: Schema,
  maxBytes: number,
): Promise<z.output<Schema>> {
  return parseMessage(schema, await readBody(req, maxBytes), 'The request');
}

/** A small body, whole. Throws `internal.limit`, `run.timeout`. */
export async function smallBody(req: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  const cut = setTimeout(
    () => req.destroy(new HoldfastError('run.timeout', { message: 'The body of the request did not arrive in time.' })),
    smallBodyTimeoutMs,
  );
  try {
    for await (const chunk of req.iterator({ destroyOnReturn: false })) {
      const piece = chunk as Buffer;
      sizeBytes += piece.length;
      if (sizeBytes > maxBytes)
        throw new HoldfastError('internal.limit', { message: `The request's body has more than ${maxBytes} bytes.` });
      pieces.push(piece);
    }
  } finally {
    clearTimeout(cut);
  }
  return Buffer.concat(pieces, sizeBytes);
}

async function readBody(req: IncomingMessage, maxBytes: number): Promise<unknown> {
  const body = await smallBody(req, maxBytes);
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new HoldfastError('request.invalid', { message: "The request's body is not JSON.", cause: error });
  }
}

/**
 * Sends pieces as the rest of an answer, the next one when the client has taken the last, whose memory is free then; a client
 * that takes nothing is cut.
 */
export async function sendPieces(
  req: IncomingMessage,
  res: ServerResponse,
  pieces: AsyncIterable<Uint8Array | string>,
  signal: AbortSignal,
): Promise<void> {
  // Node's server destroys a socket that has timed out, and sets a time-out of its own once the answer is finished.
  req.socket.setTimeout(transferSilenceMs);
  let refuse: (reason: unknown) => void = () => undefined;
  const onAbort = (): void => refuse(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    for await (const piece of pieces)
      await new Promise<void>((resolve, reject) => {
        refuse = reject;
        if (signal.aborted) onAbort();
        else res.write(piece, (error) => (error ? reject(error) : resolve()));
      });
    res.end();
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** What makes an answer one of a mover's. */
export function markMover(res: ServerResponse): void {
  res.setHeader(restHeaders.mover, '1');
}
