import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { type Clock, HoldfastError, systemClock, toHoldfastError } from '@holdfast/core';
import { transferredOver } from '@holdfast/wire';
import { z } from 'zod';
import { errorReport, parseErrorReport, parseMessage, reportOf } from './error-report.ts';
import { encodeFrame, readFrames } from './frames.ts';
import { heartbeatIntervalMs, heartbeatTimeoutMs, maxConcurrentCalls } from './limits.ts';

/** Calls in both directions over one byte stream, each with a stream of events and a cancellation. */

export interface Method {
  readonly params: z.ZodType;
  readonly result: z.ZodType;
  readonly event: z.ZodType;
}
export type Methods = Readonly<Record<string, Method>>;

export interface CallContext<M extends Method> {
  /** Aborted when the caller cancels or the connection ends. */
  readonly signal: AbortSignal;
  /** Sends an event to the caller; waits while the connection is slow. */
  readonly emit: (event: z.input<M['event']>) => Promise<void>;
}

export type Handlers<Table extends Methods> = {
  readonly [Name in keyof Table]?: (
    params: z.output<Table[Name]['params']>,
    context: CallContext<Table[Name]>,
  ) => Promise<z.input<Table[Name]['result']>>;
};

const callId = z.number().int().min(0);
const message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('call'), id: callId, method: z.string().max(100), params: z.unknown() }),
  z.object({ type: z.literal('result'), id: callId, result: z.unknown() }),
  z.object({ type: z.literal('error'), id: callId, error: errorReport }),
  z.object({ type: z.literal('event'), id: callId, event: z.unknown() }),
  z.object({ type: z.literal('cancel'), id: callId }),
  z.object({ type: z.literal('ping') }),
]);
type Message = z.infer<typeof message>;

interface PendingCall {
  readonly method: Method;
  readonly onEvent: ((event: unknown) => void) | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One end of a connection. Serves `handlers` to the other end and makes calls to it.
 * `closed` resolves when the connection is over, with the error that ended it, if one did.
 */
export class CallPeer<Table extends Methods> implements AsyncDisposable {
  readonly closed: Promise<HoldfastError | undefined>;
  readonly #stream: Duplex;
  readonly #methods: Table;
  readonly #handlers: Handlers<Table>;
  readonly #clock: Clock;
  readonly #pending = new Map<number, PendingCall>();
  readonly #serving = new Map<number, AbortController>();
  readonly #over = new AbortController();
  /** Shared by everyone who waits while the stream is full. */
  #drained: Promise<void> | undefined;
  #ending: HoldfastError | undefined;
  #nextId = 0;
  #lastHeardMs: number;

  constructor(options: { stream: Duplex; methods: Table; handlers: Handlers<Table>; clock?: Clock }) {
    this.#stream = options.stream;
    this.#methods = options.methods;
    this.#handlers = options.handlers;
    this.#clock = options.clock ?? systemClock;
    this.#lastHeardMs = this.#clock.monotonicMs();
    this.closed = this.#run();
  }

  /**
   * Set once the connection is over. A call that the end cut off rejects with this very error; a call that the other end
   * refused rejects with another one, whatever its code. So `error === peer.ending` tells a lost call from a failed one.
   */
  get ending(): HoldfastError | undefined {
    return this.#ending;
  }

  /** Content that went over the connection; nothing where it is no socket. */
  get transferred(): { readonly sentBytes: number; readonly receivedBytes: number } {
    return transferredOver(this.#stream);
  }

  /** Calls the other end. Rejects with the error it reports, `ending` when the connection ends, or the signal's reason. */
  async call<Name extends keyof Table & string>(
    name: Name,
    params: z.input<Table[Name]['params']>,
    options: { signal?: AbortSignal; onEvent?: (event: z.output<Table[Name]['event']>) => void } = {},
  ): Promise<z.output<Table[Name]['result']>> {
    options.signal?.throwIfAborted();
    const method = this.#methods[name];
    if (!method) throw new HoldfastError('internal.unexpected', { message: `There is no method ${name}.` });
    if (this.#ending) throw this.#ending;
    if (this.#pending.size >= maxConcurrentCalls) {
      throw new HoldfastError('internal.limit', {
        message: `More than ${maxConcurrentCalls} calls are waiting on one connection.`,
      });
    }
    const id = this.#nextId++;
    // Encoded before anything is promised: a call that is too large fails alone and leaves the connection as it was.
    const frame = encodeFrame({ type: 'call', id, method: name, params });
    const onEvent = options.onEvent;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, {
        method,
        onEvent: onEvent && ((event) => onEvent(event as z.output<Table[Name]['event']>)),
        resolve,
        reject,
      });
    });
    const onAbort = (): void => {
      this.#pending.get(id)?.reject(options.signal?.reason);
      this.#pending.delete(id);
      this.#post({ type: 'cancel', id });
    };
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      this.#postFrame(frame);
      return parseMessage(method.result, await answer, `The answer to ${name}`) as z.output<Table[Name]['result']>;
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
      this.#pending.delete(id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(undefined);
    this.#stream.destroy();
    await this.closed;
  }

  #end(failure: HoldfastError | undefined): void {
    this.#ending ??= failure ?? new HoldfastError('channel.closed');
    this.#over.abort(this.#ending);
  }

  async #run(): Promise<HoldfastError | undefined> {
    const heartbeat = setInterval(() => this.#beat(), heartbeatIntervalMs);
    heartbeat.unref();
    let failure: HoldfastError | undefined;
    try {
      // A stream that is destroyed without an error ends the loop or rejects with a premature close; both mean closed.
      for await (const frame of readFrames(this.#stream)) {
        this.#lastHeardMs = this.#clock.monotonicMs();
        await this.#receive(parseMessage(message, frame, 'A message of the task protocol'));
      }
    } catch (error) {
      if (!this.#ending) failure = closedError(error);
    } finally {
      clearInterval(heartbeat);
      this.#end(failure);
      this.#stream.destroy();
      for (const call of this.#pending.values()) call.reject(this.#ending);
      this.#pending.clear();
      for (const controller of this.#serving.values()) controller.abort(this.#ending);
    }
    return failure;
  }

  #beat(): void {
    if (this.#clock.monotonicMs() - this.#lastHeardMs > heartbeatTimeoutMs) {
      this.#stream.destroy(
        new HoldfastError('channel.closed', {
          message: `The other end has been silent for more than ${heartbeatTimeoutMs / 1000} s.`,
        }),
      );
      return;
    }
    this.#post({ type: 'ping' });
  }

  async #receive(incoming: Message): Promise<void> {
    switch (incoming.type) {
      case 'ping':
        return;
      case 'call': {
        const refusal = this.#refusal(incoming.id, incoming.method);
        // Waits while the other end does not read: whoever sends calls faster than it takes answers is not read either.
        if (refusal) await this.#send({ type: 'error', id: incoming.id, error: reportOf(refusal) });
        else void this.#serve(incoming.id, incoming.method, incoming.params);
        return;
      }
      case 'cancel':
        this.#serving.get(incoming.id)?.abort(new HoldfastError('run.cancelled'));
        return;
      case 'result':
        this.#pending.get(incoming.id)?.resolve(incoming.result);
        return;
      case 'error':
        this.#pending
          .get(incoming.id)
          ?.reject(parseErrorReport(incoming.error) ?? new HoldfastError('internal.unexpected'));
        return;
      case 'event': {
        const call = this.#pending.get(incoming.id);
        call?.onEvent?.(parseMessage(call.method.event, incoming.event, 'An event'));
        return;
      }
    }
  }

  #refusal(id: number, name: string): HoldfastError | undefined {
    if (!Object.hasOwn(this.#methods, name) || !Object.hasOwn(this.#handlers, name)) {
      return new HoldfastError('request.missing', { message: `This end does not serve ${name}.` });
    }
    if (this.#serving.size < maxConcurrentCalls && !this.#serving.has(id)) return undefined;
    return new HoldfastError('internal.limit', {
      message: `More than ${maxConcurrentCalls} calls are running on one connection.`,
    });
  }

  async #serve(id: number, name: string, params: unknown): Promise<void> {
    const controller = new AbortController();
    this.#serving.set(id, controller);
    try {
      const method = this.#methods[name];
      const handler = this.#handlers[name];
      if (!method || !handler) throw new HoldfastError('request.missing');
      const context: CallContext<Table[string]> = {
        signal: controller.signal,
        emit: (event) => this.#send({ type: 'event', id, event }),
      };
      const result = await handler(
        parseMessage(method.params, params, `The call of ${name}`) as z.output<Table[string]['params']>,
        context,
      );
      await this.#send({ type: 'result', id, result });
    } catch (error) {
      this.#post({ type: 'error', id, error: reportOf(error) });
    } finally {
      this.#serving.delete(id);
    }
  }

  /** Sends and waits while the connection is slow; silently does nothing once it is over, because `closed` tells. */
  #send(outgoing: unknown): Promise<void> {
    return this.#sendFrame(encodeFrame(outgoing));
  }

  async #sendFrame(frame: Buffer): Promise<void> {
    if (this.#ending || this.#stream.destroyed) return;
    if (this.#stream.write(frame)) return;
    this.#drained ??= this.#waitForDrain();
    await this.#drained;
  }

  async #waitForDrain(): Promise<void> {
    try {
      await once(this.#stream, 'drain', { signal: this.#over.signal });
    } catch (error) {
      if (!this.#ending && !this.#stream.destroyed) throw error;
    } finally {
      this.#drained = undefined;
    }
  }

  /** Sends without waiting: for small messages that are bounded in number. */
  #post(outgoing: unknown): void {
    this.#postFrame(encodeFrame(outgoing));
  }

  #postFrame(frame: Buffer): void {
    void this.#sendFrame(frame).catch((error: unknown) => this.#stream.destroy(toHoldfastError(error)));
  }
}

function closedError(cause: unknown): HoldfastError {
  if (cause instanceof HoldfastError) return cause;
  return new HoldfastError('channel.closed', cause === undefined ? {} : { cause });
}
