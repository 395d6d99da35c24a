import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import { z } from 'zod';
import { errorReport, parseErrorReport, parseMessage } from './error-report.ts';
import { encodeFrame, readFrames } from './frames.ts';
import { localHandshakeTimeoutMs, maxLocalFrameBytes, protocolVersion } from './limits.ts';
import { entityId, leaseNonce } from './names.ts';

/**
 * What an agent and the mover of its computer say over the mover's local socket (channel `role-to-local-mover`).
 *
 *   agent                                        mover
 *   control stream:  {register, agentId}  →
 *                                         ←      {registered} or {refused}
 *                                         ←      {relay, relayId}       each time the server asks for the agent
 *   fresh stream:    {relay, relayId}     →
 *                                         ←      {relayed} or {refused}; from here on raw bytes, both ways
 *
 *
 * And the process that opens a repository for one task of the server, which the mover has started:
 *
 *   fresh stream:    {execute, secret}    →
 *                                         ←      {relayed} or {refused}; from here on HTTP: the restic REST protocol
 *
 * Messages are frames as everywhere. The registration lasts as long as the control stream. The relay id is 32 random
 * bytes, good once and only for a few seconds: only the process that registered knows it. What flows through a relay is
 * TLS between server and agent, so whoever registers falsely, or the mover itself, can deny the connection but neither
 * read nor fake it.
 */

const relayId = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

export const localRequest = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('register'), protocolVersion: z.number().int(), agentId: entityId }),
  z.strictObject({ type: z.literal('relay'), relayId }),
  z.strictObject({ type: z.literal('execute'), secret: leaseNonce }),
]);
export type LocalRequest = z.infer<typeof localRequest>;

export const localAnswer = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('registered'),
    protocolVersion: z.number().int(),
    moverId: entityId,
    /** Where the mover keeps repositories and what it restores for drills: no backup of the computer holds them. */
    folders: z.array(z.string().max(4096)).max(10).default([]),
  }),
  z.object({ type: z.literal('relayed') }),
  z.object({ type: z.literal('refused'), error: errorReport }),
]);
export type LocalAnswer = z.infer<typeof localAnswer>;

const relayOffer = z.object({ type: z.literal('relay'), relayId });

export function newRelayId(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * Reads exactly one frame and leaves every byte after it on the stream, for protocols that go on with raw bytes.
 * Throws `request.invalid` for what is no frame, `channel.closed` when the stream ends before, `run.timeout`.
 */
export async function readSingleFrame(stream: Duplex, signal?: AbortSignal): Promise<unknown> {
  const limit = AbortSignal.timeout(localHandshakeTimeoutMs);
  const waiting = signal ? AbortSignal.any([signal, limit]) : limit;
  const header = await readBytes(stream, 4, waiting);
  const length = header.readUInt32BE();
  if (length === 0 || length > maxLocalFrameBytes)
    throw new HoldfastError('request.invalid', {
      message: `A frame announces ${length} bytes; 1 to ${maxLocalFrameBytes} are allowed on the local socket.`,
    });
  const body = await readBytes(stream, length, waiting);
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new HoldfastError('request.invalid', { message: 'A frame does not hold JSON.', cause: error });
  }
}

function readBytes(stream: Duplex, length: number, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      stream.off('readable', onReadable);
      stream.off('error', onClosed);
      stream.off('close', onClosed);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onReadable = (): void => {
      const chunk: unknown = stream.read(length);
      if (chunk === null) {
        if (stream.readableEnded) onClosed();
        return;
      }
      const bytes = chunk as Buffer;
      // At the end of the stream `read` gives what is left, even when it is less.
      if (bytes.length < length) onClosed();
      else settle(() => resolve(bytes));
    };
    const onClosed = (cause?: unknown): void =>
      settle(() =>
        reject(
          new HoldfastError('channel.closed', {
            message: 'The local connection ended in the middle of a message.',
            ...(cause === undefined ? {} : { cause }),
          }),
        ),
      );
    const onAbort = (): void => settle(() => reject(toHoldfastError(signal.reason)));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    stream.on('readable', onReadable);
    stream.once('error', onClosed);
    stream.once('close', onClosed);
    onReadable();
  });
}

export interface LocalRegistration extends AsyncDisposable {
  readonly moverId: string;
  /** The mover's own folders on this computer. */
  readonly folders: readonly string[];
  /** Resolves when the registration is over, with what ended it unless it was disposed. */
  readonly closed: Promise<HoldfastError | undefined>;
}

/**
 * Registers an agent with its computer's mover. `dial` opens one local stream each time it is called; `onRelay` is given a
 * raw stream from the server for each task connection and owns it. Throws what the mover reports, or the dial's error.
 */
export async function registerWithLocalMover(options: {
  readonly agentId: string;
  readonly dial: (signal: AbortSignal | undefined) => Promise<Duplex>;
  readonly onRelay: (stream: Duplex) => void;
  /** A relay that did not come about; the registration goes on. */
  readonly onRelayFailure: (error: HoldfastError) => void;
  readonly signal?: AbortSignal;
}): Promise<LocalRegistration> {
  const control = await options.dial(options.signal);
  const over = new AbortController();
  try {
    const answer = await exchange(
      control,
      { type: 'register', protocolVersion, agentId: options.agentId },
      options.signal,
    );
    if (answer.type !== 'registered')
      throw new HoldfastError('request.invalid', { message: 'The mover answered a registration with something else.' });
    const closed = followOffers(control, over.signal, (id) => {
      void acceptRelay(options.dial, id, over.signal).then(options.onRelay, (error: unknown) =>
        options.onRelayFailure(toHoldfastError(error)),
      );
    });
    return {
      moverId: answer.moverId,
      folders: answer.folders,
      closed: closed.finally(() => over.abort()),
      [Symbol.asyncDispose]: async () => {
        over.abort();
        control.destroy();
        await closed;
      },
    };
  } catch (error) {
    control.destroy();
    throw error;
  }
}

async function followOffers(
  control: Duplex,
  over: AbortSignal,
  onOffer: (relayId: string) => void,
): Promise<HoldfastError | undefined> {
  try {
    for await (const frame of readFrames(control)) onOffer(parseMessage(relayOffer, frame, 'A relay offer').relayId);
    return over.aborted
      ? undefined
      : new HoldfastError('channel.closed', { message: 'The mover of this computer ended the registration.' });
  } catch (error) {
    return over.aborted ? undefined : toHoldfastError(error);
  } finally {
    control.destroy();
  }
}

/** Turns a fresh local stream into one that the mover answers the REST protocol on. Throws what it reports. */
export async function dialRepository(stream: Duplex, secret: string, signal: AbortSignal): Promise<void> {
  try {
    const answer = await exchange(stream, { type: 'execute', secret }, signal);
    if (answer.type !== 'relayed')
      throw new HoldfastError('request.invalid', { message: 'The mover answered an executor with something else.' });
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

async function acceptRelay(
  dial: (signal: AbortSignal) => Promise<Duplex>,
  id: string,
  signal: AbortSignal,
): Promise<Duplex> {
  const stream = await dial(signal);
  try {
    const answer = await exchange(stream, { type: 'relay', relayId: id }, signal);
    if (answer.type !== 'relayed')
      throw new HoldfastError('request.invalid', { message: 'The mover answered a relay with something else.' });
    return stream;
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

async function exchange(stream: Duplex, request: LocalRequest, signal?: AbortSignal): Promise<LocalAnswer> {
  stream.write(encodeFrame(request));
  const answer = parseMessage(localAnswer, await readSingleFrame(stream, signal), 'The answer of the local mover');
  if (answer.type !== 'refused') return answer;
  throw parseErrorReport(answer.error) ?? new HoldfastError('internal.unexpected');
}
