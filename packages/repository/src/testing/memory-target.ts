import { hash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError } from '@holdfast/core';
import type {
  CreateResult,
  ListOptions,
  ObjectInfo,
  ObjectName,
  ObjectType,
  ReadOptions,
  Target,
  TargetCapabilities,
  Transferred,
  WaitOptions,
} from '@holdfast/storage';

const folders: readonly (readonly [ObjectType, string])[] = [
  ['key', 'keys'],
  ['lock', 'locks'],
  ['snapshot', 'snapshots'],
  ['index', 'index'],
];

/** A target for tests: objects in memory that a test can damage, operations that it can make fail, restic's layout on disk. */
export class MemoryTarget implements Target {
  readonly kind = 'memory';
  readonly location = 'memory';
  readonly retention = undefined;
  readonly capabilities: TargetCapabilities = {
    createIfAbsent: true,
    retention: false,
    serverTime: false,
    rangedRead: true,
    consistentLists: false,
    maxObjectSizeBytes: 2 ** 30,
    maxParallelRequests: 16,
  };
  readonly objects = new Map<string, Uint8Array>();
  /** Every call, as `create lock`. */
  readonly calls: string[] = [];
  /** Throws to make a call fail. */
  fail: (call: string, name: ObjectName) => void = () => {};

  static fromFolder(folder: string): MemoryTarget {
    const target = new MemoryTarget();
    target.objects.set('config:', new Uint8Array(readFileSync(join(folder, 'config'))));
    for (const [type, name] of folders)
      for (const id of readdirSync(join(folder, name)))
        target.objects.set(`${type}:${id}`, new Uint8Array(readFileSync(join(folder, name, id))));
    for (const prefix of readdirSync(join(folder, 'data')))
      for (const id of readdirSync(join(folder, 'data', prefix)))
        target.objects.set(`data:${id}`, new Uint8Array(readFileSync(join(folder, 'data', prefix, id))));
    return target;
  }

  writeTo(folder: string): void {
    for (const name of [...folders.map(([, name]) => name), 'data']) mkdirSync(join(folder, name), { recursive: true });
    for (const [name, bytes] of this.objects) {
      const [type, id = ''] = name.split(':');
      const place = folders.find(([known]) => known === type)?.[1];
      if (type === 'config') writeFileSync(join(folder, 'config'), bytes);
      else if (place !== undefined) writeFileSync(join(folder, place, id), bytes);
      else {
        mkdirSync(join(folder, 'data', id.slice(0, 2)), { recursive: true });
        writeFileSync(join(folder, 'data', id.slice(0, 2), id), bytes);
      }
    }
  }

  ids(type: ObjectType): string[] {
    return [...this.objects.keys()]
      .filter((name) => name.startsWith(`${type}:`))
      .map((name) => name.slice(type.length + 1));
  }

  async create(name: ObjectName, body: readonly Uint8Array[], options?: WaitOptions): Promise<CreateResult> {
    this.#called('create', name, options);
    const bytes = new Uint8Array(Buffer.concat(body));
    if (name.type !== 'config' && hash('sha256', bytes) !== name.id) throw new HoldfastError('storage.tampered');
    const known = this.objects.get(`${name.type}:${name.id}`);
    if (known !== undefined && !Buffer.from(known).equals(bytes)) throw new HoldfastError('storage.exists');
    this.objects.set(`${name.type}:${name.id}`, bytes);
    return known === undefined ? 'created' : 'identical';
  }

  async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array> {
    this.#called('read', name, options);
    const bytes = this.objects.get(`${name.type}:${name.id}`);
    if (bytes === undefined) throw new HoldfastError('storage.missing');
    const start = options.offset ?? 0;
    const end = options.length === undefined ? bytes.byteLength : start + options.length;
    if (end > bytes.byteLength) throw new HoldfastError('storage.range');
    return bytes.slice(start, end);
  }

  async stat(name: ObjectName, options?: WaitOptions): Promise<ObjectInfo | undefined> {
    this.#called('stat', name, options);
    const bytes = this.objects.get(`${name.type}:${name.id}`);
    return bytes && { id: name.id, sizeBytes: bytes.byteLength };
  }

  async *list(type: Exclude<ObjectType, 'config'>, options?: ListOptions): AsyncGenerator<readonly ObjectInfo[]> {
    this.#called('list', { type, id: '' }, options);
    const infos = this.ids(type)
      .sort()
      .map((id) => ({ id, sizeBytes: this.objects.get(`${type}:${id}`)?.byteLength ?? 0 }));
    // Small pages, so that every caller meets several.
    for (let at = 0; at < infos.length; at += 2) yield infos.slice(at, at + 2);
  }

  async delete(name: ObjectName, options?: WaitOptions): Promise<void> {
    this.#called('delete', name, options);
    this.objects.delete(`${name.type}:${name.id}`);
  }

  async serverTime(): Promise<Date> {
    return new Date();
  }

  transferred(): Transferred {
    return { requests: this.calls.length, sentBytes: 0, receivedBytes: 0, requestMs: 0, storageMs: 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #called(call: string, name: ObjectName, options: WaitOptions | undefined): void {
    options?.signal?.throwIfAborted();
    this.calls.push(`${call} ${name.type}`);
    this.fail(call, name);
  }
}
