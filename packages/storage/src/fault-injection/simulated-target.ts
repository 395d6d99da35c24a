import { createHash } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import { checkedPaging, checkedRange, requireReadable } from '../arguments.ts';
import { throwIfCancelled } from '../cancellation.ts';
import { localParallelRequests, maxObjectSizeBytes, objectSizeLimits } from '../limits.ts';
import { printableName, requireListedType, requireObjectName } from '../object-name.ts';
import { reliesOn } from '../relied-lists.ts';
import { requireRetainable } from '../retainable.ts';
import {
  type CreateOptions,
  type CreateResult,
  type ListOptions,
  type ObjectInfo,
  type ObjectName,
  type ObjectType,
  objectTypes,
  type ReadOptions,
  type Retention,
  type Target,
  type TargetCapabilities,
  type Transferred,
  type WaitOptions,
} from '../target.ts';
import { TransferCount } from '../transfer-count.ts';
import type { FaultInjector, TargetCall } from './fault-injector.ts';
import type { SimulatedStorage } from './simulated-storage.ts';

/** `index/1a2b…`; `config/`. */
export function objectKey(name: ObjectName): string {
  return `${name.type}/${name.id}`;
}

export function nameOfKey(key: string): ObjectName {
  const type = objectTypes.find((known) => key.startsWith(`${known}/`));
  if (type === undefined) throw new RangeError(`${key} is not a key of an object`);
  return { type, id: key.slice(type.length + 1) };
}

/** One process's way to a `SimulatedStorage`: keeps every promise of a target, as far as its injector lets it. */
export class SimulatedTarget implements Target {
  readonly kind = 'simulated';
  readonly location = 'simulated storage';
  readonly capabilities: TargetCapabilities;
  readonly retention: Retention = {
    get: (name, options) => this.#getRetention(name, options),
    set: async (name, until, options) => {
      await this.#changeRetention(name, until, { ...options, mode: 'set' });
    },
    extend: (name, until, options) => this.#changeRetention(name, until, { ...options, mode: 'extend' }),
  };
  readonly #storage: SimulatedStorage;
  readonly #faults: FaultInjector;
  readonly #count = new TransferCount();

  /** Use `SimulatedStorage.open`. */
  constructor(
    storage: SimulatedStorage,
    { faults, consistentLists }: { readonly faults: FaultInjector; readonly consistentLists: boolean },
  ) {
    this.capabilities = {
      createIfAbsent: true,
      retention: true,
      serverTime: false,
      rangedRead: true,
      consistentLists,
      maxObjectSizeBytes,
      maxParallelRequests: localParallelRequests,
    };
    this.#storage = storage;
    this.#faults = faults;
  }

  create(name: ObjectName, body: readonly Uint8Array[], options: CreateOptions = {}): Promise<CreateResult> {
    const sizeBytes = body.reduce((sum, piece) => sum + piece.length, 0);
    return this.#call({ method: 'create', name, sizeBytes }, options, async (call) => {
      if (options.retainUntil) requireRetainable(name, options.retainUntil);
      if (sizeBytes > objectSizeLimits[name.type])
        throw new HoldfastError('storage.size', {
          message: `${printableName(name)} has ${sizeBytes} bytes; objects of its type have at most ${objectSizeLimits[name.type]}`,
        });
      const bytes = new Uint8Array(sizeBytes);
      let at = 0;
      for (const piece of body) {
        bytes.set(piece, at);
        at += piece.length;
      }
      if (name.type !== 'config' && createHash('sha256').update(bytes).digest('hex') !== name.id)
        throw new HoldfastError('storage.tampered', { message: `${printableName(name)} is not what its name says` });
      this.#settle('create', name);
      const key = objectKey(name);
      const known = this.#storage.visible.get(key);
      if (known !== undefined && Buffer.compare(known, bytes) !== 0)
        throw new HoldfastError('storage.exists', { message: `${printableName(name)} has other content` });
      if (known === undefined) this.#storage.apply({ key, bytes });
      this.#count.sent(sizeBytes);
      await this.#faults.pass(call, 'sync', options);
      // Also when somebody else has just made it: nobody may be told of what isn't durable.
      this.#storage.sync(key);
      if (options.retainUntil) await this.#changeRetention(name, options.retainUntil, { mode: 'extend' });
      return known === undefined ? 'created' : 'identical';
    });
  }

  read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array> {
    return this.#call({ method: 'read', name, sizeBytes: 0 }, options, async (call) => {
      const range = checkedRange(options);
      requireReadable(range.length ?? 0);
      const stored = this.#storage.visible.get(objectKey(name));
      if (stored === undefined) throw missing(name);
      const length = range.length ?? Math.max(0, stored.length - range.offset);
      if (range.offset + length > stored.length)
        throw new HoldfastError('storage.range', {
          message: `${printableName(name)} has ${stored.length} bytes; ${length} from ${range.offset} on were asked for`,
        });
      this.#count.received(length);
      const bytes = stored.slice(range.offset, range.offset + length);
      return this.#faults.alter?.(call, bytes) ?? bytes;
    });
  }

  stat(name: ObjectName, options: WaitOptions = {}): Promise<ObjectInfo | undefined> {
    return this.#call({ method: 'stat', name, sizeBytes: 0 }, options, async () => {
      const stored = this.#storage.visible.get(objectKey(name));
      return stored && { id: name.id, sizeBytes: stored.length };
    });
  }

  async *list(
    type: Exclude<ObjectType, 'config'>,
    options: ListOptions = {},
  ): AsyncGenerator<readonly ObjectInfo[], void, undefined> {
    requireListedType(type);
    const { after: start, pageSize } = checkedPaging(options);
    for (let after = start; ; ) {
      const from = after;
      const page = await this.#call({ method: 'list', name: { type, id: '' }, sizeBytes: 0 }, options, async () =>
        this.#infos(type)
          .filter(({ id }) => id > from)
          .slice(0, pageSize),
      );
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      // A page that isn't full was the last one.
      if (page.length < pageSize) return;
      after = last.id;
    }
  }

  delete(name: ObjectName, options: WaitOptions = {}): Promise<void> {
    return this.#call({ method: 'delete', name, sizeBytes: 0 }, options, async (call) => {
      const key = objectKey(name);
      if (!this.#storage.visible.has(key)) {
        // Also when somebody else has just removed it.
        this.#storage.sync(key);
        return;
      }
      this.#settle('delete', name);
      const until = this.#storage.dates.get(key);
      if (until !== undefined && until > this.#storage.clock.now())
        throw new HoldfastError('storage.immutable', {
          message: `${printableName(name)} may not be deleted before ${until.toISOString()}`,
        });
      this.#storage.apply({ key, bytes: undefined });
      this.#storage.dates.delete(key);
      await this.#faults.pass(call, 'sync', options);
      this.#storage.sync(key);
    });
  }

  serverTime(options: WaitOptions = {}): Promise<Date> {
    const call: TargetCall = { method: 'serverTime', name: { type: 'config', id: '' }, sizeBytes: 0 };
    return this.#call(call, options, async () => this.#storage.clock.now());
  }

  transferred(): Transferred {
    return this.#count.total();
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #infos(type: ObjectType): ObjectInfo[] {
    const infos: ObjectInfo[] = [];
    for (const [key, bytes] of this.#storage.visible)
      if (key.startsWith(`${type}/`)) infos.push({ id: key.slice(type.length + 1), sizeBytes: bytes.length });
    return infos.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async #getRetention(name: ObjectName, options: WaitOptions = {}): Promise<Date | undefined> {
    return this.#call({ method: 'retention', name, sizeBytes: 0 }, options, async () => {
      requireRetainable(name);
      if (!this.#storage.visible.has(objectKey(name))) throw missing(name);
      return this.#storage.dates.get(objectKey(name));
    });
  }

  async #changeRetention(
    name: ObjectName,
    until: Date,
    options: WaitOptions & { readonly mode: 'set' | 'extend' },
  ): Promise<Date> {
    return this.#call({ method: 'retention', name, sizeBytes: 0 }, options, async () => {
      requireRetainable(name, until);
      const key = objectKey(name);
      if (!this.#storage.visible.has(key)) throw missing(name);
      const known = this.#storage.dates.get(key);
      if (known === undefined || known <= until) {
        this.#storage.dates.set(key, until);
        return until;
      }
      if (options.mode === 'extend') return known;
      throw new HoldfastError('storage.immutable', {
        message: `${printableName(name)} is kept until ${known.toISOString()}; dates are never shortened`,
      });
    });
  }

  /** Nothing follows from what a crash could still undo, whoever did it. */
  #settle(change: 'create' | 'delete', name: ObjectName): void {
    for (const type of reliesOn(change, name)) this.#storage.syncAll(`${type}/`);
  }

  async #call<T>(call: TargetCall, options: WaitOptions, work: (call: TargetCall) => Promise<T>): Promise<T> {
    if (call.method !== 'list') requireObjectName(call.name);
    throwIfCancelled(options.signal);
    this.#count.request();
    await this.#faults.pass(call, 'begin', options);
    throwIfCancelled(options.signal);
    const result = await work(call);
    await this.#faults.pass(call, 'answer', options);
    return result;
  }
}

function missing(name: ObjectName): HoldfastError {
  return new HoldfastError('storage.missing', {
    message: `There is no ${printableName(name)} in the simulated storage`,
  });
}
