import { type Clock, systemClock } from '@holdfast/core';
import { throwIfCancelled } from './cancellation.ts';
import type {
  CreateOptions,
  CreateResult,
  ListOptions,
  ObjectInfo,
  ObjectName,
  ObjectType,
  ReadOptions,
  Retention,
  Target,
  TargetCapabilities,
  Transferred,
  WaitOptions,
} from './target.ts';
import { WaitingTime } from './waiting-time.ts';

export interface TokenBucketOptions {
  readonly bytesPerSecond: number;
  /** What may go at once after a pause; the bytes of one second if left out. */
  readonly burstBytes?: number | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Lets bytes through at a rate, first come first served. Whoever takes more than there is leaves a debt that the next one
 * waits for, so objects larger than the burst pass, and the average holds. One bucket may serve several targets.
 */
export class TokenBucket {
  readonly #bytesPerMs: number;
  readonly #burstMs: number;
  readonly #clock: Clock;
  /** When everything that was taken is paid for. */
  #paidMs: number;

  constructor(options: TokenBucketOptions) {
    const { bytesPerSecond, burstBytes = bytesPerSecond, clock = systemClock } = options;
    if (!(bytesPerSecond > 0) || !(burstBytes >= 0) || !Number.isFinite(bytesPerSecond + burstBytes))
      throw new RangeError(`a rate of ${bytesPerSecond} bytes per second with bursts of ${burstBytes} can't be kept`);
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#burstMs = burstBytes / this.#bytesPerMs;
    this.#clock = clock;
    this.#paidMs = clock.monotonicMs() - this.#burstMs;
  }

  /** Resolves when the bytes may go. Aborting gives them back. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    const nowMs = this.#clock.monotonicMs();
    const startMs = this.owe(bytes);
    if (startMs <= nowMs) return;
    try {
      await this.#clock.sleep(startMs - nowMs, signal);
    } catch (error) {
      this.#paidMs -= bytes / this.#bytesPerMs;
      throwIfCancelled(signal);
      throw error;
    }
  }

  /** For bytes that have gone already: the next one waits for them. Gives the monotonic time at which all before is paid. */
  owe(bytes: number): number {
    const startMs = Math.max(this.#paidMs, this.#clock.monotonicMs() - this.#burstMs);
    this.#paidMs = startMs + bytes / this.#bytesPerMs;
    return startMs;
  }
}

export interface Throttle {
  readonly upload?: Pick<TokenBucket, 'take'> | undefined;
  readonly download?: Pick<TokenBucket, 'take' | 'owe'> | undefined;
}

/**
 * The same target, with the content of objects limited to a rate in each direction. An object goes out as a whole, so within
 * one the line may be used fully; over several the rate holds. Locks go at once, so that they never look forsaken. Disposing it
 * disposes the target.
 */
export function throttled(target: Target, throttle: Throttle): Target {
  return new ThrottledTarget(target, throttle);
}

class ThrottledTarget implements Target {
  readonly kind: string;
  readonly location: string;
  readonly capabilities: TargetCapabilities;
  readonly retention: Retention | undefined;
  readonly replaceConfig?: NonNullable<Target['replaceConfig']>;
  readonly #target: Target;
  readonly #throttle: Throttle;
  readonly #waited = new WaitingTime();

  constructor(target: Target, throttle: Throttle) {
    this.kind = target.kind;
    this.location = target.location;
    this.capabilities = target.capabilities;
    this.retention = target.retention;
    if (target.replaceConfig) this.replaceConfig = target.replaceConfig.bind(target);
    this.#target = target;
    this.#throttle = throttle;
  }

  async create(name: ObjectName, body: readonly Uint8Array[], options?: CreateOptions): Promise<CreateResult> {
    const sizeBytes = body.reduce((sum, piece) => sum + piece.length, 0);
    if (name.type !== 'lock') {
      using _ = this.#waited.begin();
      await this.#throttle.upload?.take(sizeBytes, options?.signal);
    }
    return this.#target.create(name, body, options);
  }

  async read(name: ObjectName, options?: ReadOptions): Promise<Uint8Array> {
    if (name.type === 'lock') return this.#target.read(name, options);
    // The size may not be known before: what was read is paid for by the next one.
    await this.#throttle.download?.take(0, options?.signal);
    const bytes = await this.#target.read(name, options);
    this.#throttle.download?.owe(bytes.length);
    return bytes;
  }

  stat(name: ObjectName, options?: WaitOptions): Promise<ObjectInfo | undefined> {
    return this.#target.stat(name, options);
  }

  list(type: Exclude<ObjectType, 'config'>, options?: ListOptions): AsyncIterable<readonly ObjectInfo[]> {
    return this.#target.list(type, options);
  }

  delete(name: ObjectName, options?: WaitOptions): Promise<void> {
    return this.#target.delete(name, options);
  }

  serverTime(options?: WaitOptions): Promise<Date> {
    return this.#target.serverTime(options);
  }

  /** What waits for the rate waits for the network. */
  transferred(): Transferred {
    const total = this.#target.transferred();
    return { ...total, requestMs: total.requestMs + this.#waited.totalMs() };
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#target[Symbol.asyncDispose]();
  }
}
