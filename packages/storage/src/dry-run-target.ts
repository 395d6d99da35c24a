import type {
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

/**
 * A target as it is, on which nothing is changed: what is stored or deleted only seems so to the one that does it. There are
 * no locks: who changes nothing needs none, and is in nobody's way. The target behind stays its owner's.
 */
export class DryRunTarget implements Target {
  readonly kind: string;
  readonly location: string;
  readonly capabilities: TargetCapabilities;
  readonly retention: Retention | undefined = undefined;
  readonly localFile?: (name: ObjectName) => string;
  readonly #inner: Target;

  constructor(inner: Target) {
    this.#inner = inner;
    this.kind = inner.kind;
    this.location = inner.location;
    this.capabilities = { ...inner.capabilities, retention: false };
    if (inner.localFile !== undefined) this.localFile = inner.localFile.bind(inner);
  }

  async create(): Promise<CreateResult> {
    return 'created';
  }

  read(name: ObjectName, options?: ReadOptions): Promise<Uint8Array> {
    return this.#inner.read(name, options);
  }

  stat(name: ObjectName, options?: WaitOptions): Promise<ObjectInfo | undefined> {
    return this.#inner.stat(name, options);
  }

  async *list(type: Exclude<ObjectType, 'config'>, options?: ListOptions): AsyncGenerator<readonly ObjectInfo[]> {
    if (type !== 'lock') yield* this.#inner.list(type, options);
  }

  async delete(): Promise<void> {}

  serverTime(options?: WaitOptions): Promise<Date> {
    return this.#inner.serverTime(options);
  }

  transferred(): Transferred {
    return this.#inner.transferred();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
