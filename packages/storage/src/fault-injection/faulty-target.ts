import { throwIfCancelled } from '../cancellation.ts';
import type {
  CreateOptions,
  CreateResult,
  ListOptions,
  ObjectInfo,
  ObjectName,
  ObjectType,
  ReadOptions,
  Retention,
  Staging,
  Target,
  TargetCapabilities,
  Transferred,
  WaitOptions,
} from '../target.ts';
import type { FaultInjector, TargetCall } from './fault-injector.ts';

/** Any target, with faults that an injector decides on. Disposing it disposes the target behind it. */
export class FaultyTarget implements Target {
  readonly kind: string;
  readonly location: string;
  readonly capabilities: TargetCapabilities;
  readonly retention: Retention | undefined;
  readonly staging: Staging | undefined;
  readonly #inner: Target;
  readonly #faults: FaultInjector;

  constructor(inner: Target, faults: FaultInjector) {
    this.#inner = inner;
    this.#faults = faults;
    this.kind = inner.kind;
    this.location = inner.location;
    this.capabilities = inner.capabilities;
    const { retention, staging } = inner;
    this.staging = staging && {
      folder: (options) => staging.folder(options),
      create: (name, file, options = {}) =>
        this.#pass({ method: 'create', name, sizeBytes: file.sizeBytes }, options, () =>
          staging.create(name, file, options),
        ),
    };
    this.retention = retention && {
      get: (name, options) => this.#call('retention', name, options, () => retention.get(name, options)),
      set: (name, until, options) => this.#call('retention', name, options, () => retention.set(name, until, options)),
      extend: (name, until, options) =>
        this.#call('retention', name, options, () => retention.extend(name, until, options)),
    };
  }

  async create(name: ObjectName, body: readonly Uint8Array[], options: CreateOptions = {}): Promise<CreateResult> {
    const sizeBytes = body.reduce((sum, piece) => sum + piece.length, 0);
    return this.#pass({ method: 'create', name, sizeBytes }, options, () => this.#inner.create(name, body, options));
  }

  async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array> {
    const call: TargetCall = { method: 'read', name, sizeBytes: 0 };
    const bytes = await this.#pass(call, options, () => this.#inner.read(name, options));
    return this.#faults.alter?.(call, bytes) ?? bytes;
  }

  stat(name: ObjectName, options?: WaitOptions): Promise<ObjectInfo | undefined> {
    return this.#call('stat', name, options, () => this.#inner.stat(name, options));
  }

  /** Each page is a call of its own, so that a list can break in the middle. */
  async *list(
    type: Exclude<ObjectType, 'config'>,
    options?: ListOptions,
  ): AsyncGenerator<readonly ObjectInfo[], void, undefined> {
    const pages = this.#inner.list(type, options)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const page = await this.#call('list', { type, id: '' }, options, () => pages.next());
        if (page.done === true) return;
        yield page.value;
      }
    } finally {
      await pages.return?.();
    }
  }

  delete(name: ObjectName, options?: WaitOptions): Promise<void> {
    return this.#call('delete', name, options, () => this.#inner.delete(name, options));
  }

  serverTime(options?: WaitOptions): Promise<Date> {
    return this.#call('serverTime', { type: 'config', id: '' }, options, () => this.#inner.serverTime(options));
  }

  transferred(): Transferred {
    return this.#inner.transferred();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  #call<T>(
    method: TargetCall['method'],
    name: ObjectName,
    options: WaitOptions | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    return this.#pass({ method, name, sizeBytes: 0 }, options ?? {}, work);
  }

  async #pass<T>(call: TargetCall, options: WaitOptions, work: () => Promise<T>): Promise<T> {
    throwIfCancelled(options.signal);
    await this.#faults.pass(call, 'begin', options);
    const result = await work();
    await this.#faults.pass(call, 'answer', options);
    return result;
  }
}
