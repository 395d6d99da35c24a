import type { IncomingMessage, ServerResponse } from 'node:http';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import { parseMessage } from '@holdfast/protocol';
import { restHeaders } from '@holdfast/storage';
import { requestBody, takeRest } from '@holdfast/wire';
import type { z } from 'zod';
import { drainTimeoutMs, maxDrainBytes, transferSilenceMs } from './limits.ts';

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
  await takeRest(req, res, { bytes: maxDrainBytes, ms: drainTimeoutMs });
  if (res.headersSent || res.destroyed) {
    // Half an answer can't be taken back: cutting it is the only way to say that it is not whole.
    req.socket.destroy();
    return;
  }
  const code = status ?? failure.entry.http;
  if (code === 401) res.setHeader('www-authenticate', 'Basic realm="holdfast", charset="UTF-8"');
  res.setHeader(restHeaders.error, failure.code);
  sendJson(res, code, failure);
}

/** A small JSON body, checked. Throws `request.invalid`, `request.size`, `request.slow`. */
export async function readJson<Schema extends z.ZodType>(
  req: IncomingMessage,
  schema: Schema,
  maxBytes: number,
): Promise<z.output<Schema>> {
  return parseMessage(schema, await readBody(req, maxBytes), 'The request');
}

async function readBody(req: IncomingMessage, maxBytes: number): Promise<unknown> {
  const body = await requestBody(req, { maxBytes });
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
