import type { Stats } from 'node:fs';
import { rename, unlink } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { type Clock, errnoOf, HoldfastError } from '@holdfast/core';
import { checkedPaging, checkedRange, requireReadable } from '../arguments.ts';
import { throwIfCancelled } from '../cancellation.ts';
import { KeyedExclusion } from '../keyed-exclusion.ts';
import { objectSizeLimits, writeBatchBytes } from '../limits.ts';
import { printableName, requireListedType, requireObjectName } from '../object-name.ts';
import { ReliedLists } from '../relied-lists.ts';
import { objectPath } from '../rest-protocol.ts';
import { requireRetainable } from '../retainable.ts';
import type {
  CreateOptions,
  CreateResult,
  ListOptions,
  ObjectInfo,
  ObjectName,
  ObjectType,
  ReadOptions,
  ReplaceConfigOptions,
  Retention,
  Staging,
  Target,
  TargetCapabilities,
  Transferred,
  WaitOptions,
} from '../target.ts';
import { TransferCount } from '../transfer-count.ts';
import { batches } from './batches.ts';
import { diskFailure } from './failure.ts';
import { Folders, syncFolder } from './folders.ts';
import { Layout } from './layout.ts';
import { listObjects } from './listing.ts';
import { digestObject, type OpenObject, openObject, rangeLength, readPieces, statObject } from './object-file.ts';
import { type HardLinks, publish } from './publish.ts';
import { RetentionRecords } from './retention-records.ts';
import { streamBatches } from './stream-batches.ts';
import { contentHash, requireDigest, TemporaryFile } from './temporary-file.ts';

export interface LocalDiskOptions {
  readonly clock: Clock;
  readonly hardLinks: HardLinks;
  readonly capabilities: TargetCapabilities;
}

export interface StreamCreateOptions extends CreateOptions {
  /** What the sender announced; fewer bytes are `channel.closed`, more are `request.invalid`. */
  readonly expectedSizeBytes?: number | undefined;
  /** A limit below that of the type, for example what is left of a quota. */
  readonly maxSizeBytes?: number | undefined;
}

export interface LocalObjectInfo extends ObjectInfo {
  /** When the content was written, by this computer's clock. */
  readonly modifiedAt: Date;
}

/** An object that is open for reading. */
export interface ObjectReader extends AsyncDisposable {
  readonly sizeBytes: number;
  /**
   * The bytes asked for, in pieces of at most 256 KiB, each good until the next one is asked for; that is being read meanwhile.
   */
  pieces(options?: ReadOptions): AsyncGenerator<Uint8Array>;
}

/**
 * A repository in a folder, laid out as restic does. Objects are written to a temporary file, checked against their
 * name, synced, and then given their name by a hard link, which never overwrites; the folder is synced last.
 */
export class LocalDisk implements Target {
  readonly kind = 'local';
  readonly location: string;
  readonly capabilities: TargetCapabilities;
  readonly retention: Retention = {
    get: (name, options) => this.#getRetention(name, options),
    set: async (name, until, options) => {
      await this.#protect(name, until, { exactly: true, signal: options?.signal });
    },
    extend: (name, until, options) => this.#protect(name, until, { exactly: false, signal: options?.signal }),
  };
  readonly staging: Staging = {
    folder: async ({ signal } = {}) => {
      throwIfCancelled(signal);
      const { temporaryFolder } = this.#layout;
      try {
        await this.#folders.make(temporaryFolder);
      } catch (error) {
        throw diskFailure(error, 'make a folder', temporaryFolder);
      }
      return temporaryFolder;
    },
    create: (name, { path, sizeBytes }, options = {}) =>
      this.#attempt('store', name, options.signal, async () => {
        await using file = await TemporaryFile.open(path, { digest: name.id, sizeBytes });
        if (sizeBytes > objectSizeLimits[name.type])
          throw new HoldfastError('storage.size', { message: `${printableName(name)} has ${sizeBytes} bytes` });
        this.#count.sent(sizeBytes);
        return await this.#finish(name, file, options);
      }),
  };
  readonly #layout: Layout;
  readonly #folders: Folders;
  readonly #records: RetentionRecords;
  readonly #clock: Clock;
  readonly #hardLinks: HardLinks;
  readonly #count = new TransferCount();
  readonly #relied = new ReliedLists((type) => this.#syncType(type));
  /** A delete must not come between the look at an object's date and a change of it. */
  readonly #exclusion = new KeyedExclusion();

  /** Use `openLocalDisk`. */
  constructor(root: string, options: LocalDiskOptions) {
    this.location = root;
    this.capabilities = options.capabilities;
    this.#layout = new Layout(root);
    this.#folders = new Folders(root);
    this.#records = new RetentionRecords(this.#layout, this.#folders);
    this.#clock = options.clock;
    this.#hardLinks = options.hardLinks;
  }

  create(name: ObjectName, body: readonly Uint8Array[], options: CreateOptions = {}): Promise<CreateResult> {
    return this.#attempt('store', name, options.signal, () => this.#store(name, body, options));
  }

  /**
   * Like `create`, hashing and writing while the bytes arrive. The stream is read to its end where that is possible and
   * never destroyed, except by the signal: an answer can still be sent on its connection.
   */
  createFromStream(name: ObjectName, body: Readable, options: StreamCreateOptions = {}): Promise<CreateResult> {
    return this.#attempt('store', name, options.signal, () => {
      if (options.signal) addAbortSignal(options.signal, body);
      const batchBytes = Math.min(writeBatchBytes, Math.max(1, options.expectedSizeBytes ?? writeBatchBytes));
      return this.#store(name, streamBatches(body, batchBytes), { ...options, verified: false });
    });
  }

  localFile(name: ObjectName): string {
    requireObjectName(name);
    return this.#layout.objectFile(name);
  }

  read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array> {
    return this.#attempt('read', name, options.signal, async () => {
      const { offset, length: wanted } = checkedRange(options);
      await using object = await openObject(this.#layout, this.#folders, name);
      const length = rangeLength(name, { offset, length: wanted, sizeBytes: object.sizeBytes });
      requireReadable(length);
      const { into } = options;
      const buffer =
        into === undefined || into.byteLength < length ? Buffer.allocUnsafeSlow(length) : into.subarray(0, length);
      for (let done = 0; done < length; ) {
        throwIfCancelled(options.signal);
        const { bytesRead } = await object.handle.read(buffer, done, length - done, offset + done);
        // Cut short since it was opened.
        if (bytesRead === 0) rangeLength(name, { offset, length, sizeBytes: offset + done });
        done += bytesRead;
      }
      this.#count.received(length);
      return buffer;
    });
  }

  /** For objects of any size: read in pieces, while it is open. */
  openReader(name: ObjectName, options: WaitOptions = {}): Promise<ObjectReader> {
    return this.#attempt('read', name, options.signal, async () => {
      const object = await openObject(this.#layout, this.#folders, name);
      return {
        sizeBytes: object.sizeBytes,
        pieces: (range) => this.#pieces(name, object, range),
        [Symbol.asyncDispose]: () => object[Symbol.asyncDispose](),
      };
    });
  }

  async *#pieces(name: ObjectName, object: OpenObject, options: ReadOptions = {}): AsyncGenerator<Uint8Array> {
    const { offset, length: wanted } = checkedRange(options);
    const length = rangeLength(name, { offset, length: wanted, sizeBytes: object.sizeBytes });
    try {
      for await (const piece of readPieces(object, { name, offset, length, signal: options.signal })) {
        this.#count.received(piece.length);
        yield piece;
      }
    } catch (error) {
      throw diskFailure(error, `read ${printableName(name)}`, this.#layout.objectFile(name));
    }
  }

  stat(name: ObjectName, options: WaitOptions = {}): Promise<LocalObjectInfo | undefined> {
    return this.#attempt('look at', name, options.signal, async () => {
      const found = await statObject(this.#layout, this.#folders, name);
      return found && { id: name.id, sizeBytes: found.size, modifiedAt: found.mtime };
    });
  }

  async *list(
    type: Exclude<ObjectType, 'config'>,
    options: ListOptions = {},
  ): AsyncGenerator<readonly ObjectInfo[], void, undefined> {
    requireListedType(type);
    const { after, pageSize } = checkedPaging(options);
    const { signal } = options;
    throwIfCancelled(signal);
    try {
      this.#count.request();
      for await (const page of listObjects(this.#layout, this.#folders, { type, after, pageSize, signal })) {
        this.#relied.listed(type);
        yield page;
      }
      // Also a list of nothing is relied on.
      this.#relied.listed(type);
    } catch (error) {
      throw diskFailure(error, `list the objects of type ${type}`, this.#layout.typeFolder(type));
    }
  }

  delete(name: ObjectName, options: WaitOptions = {}): Promise<void> {
    return this.#attempt('delete', name, options.signal, () =>
      this.#exclusion.run(objectPath(name), async () => {
        if (!(await this.#stored(name))) {
          // Whoever removed it may not have come to this.
          await this.#syncType(name.type);
          return;
        }
        await this.#relied.settle('delete', name);
        const until = await this.#records.read(name);
        if (until && until > this.#clock.now())
          throw new HoldfastError('storage.immutable', {
            message: `${printableName(name)} may not be deleted before ${until.toISOString()}`,
            context: { type: name.type, id: name.id, until: until.toISOString() },
          });
        await unlink(this.#layout.objectFile(name));
        await syncFolder(this.#layout.objectFolder(name));
        if (until) await this.#records.remove(name);
      }),
    );
  }

  replaceConfig(body: Uint8Array, options: ReplaceConfigOptions): Promise<void> {
    const name: ObjectName = { type: 'config', id: '' };
    return this.#attempt('replace', name, options.signal, () =>
      this.#exclusion.run(objectPath(name), async () => {
        const until = await this.#records.read(name);
        if (until && until > this.#clock.now())
          throw new HoldfastError('storage.immutable', {
            message: `${printableName(name)} may not be replaced before ${until.toISOString()}`,
          });
        await this.#folders.make(this.#layout.temporaryFolder);
        await using file = await TemporaryFile.create(this.#layout.temporaryFolder);
        await file.write([body]);
        await file.finish();
        const present = await this.read(name);
        if (Buffer.compare(present, options.expected) !== 0)
          throw new HoldfastError('storage.exists', { message: 'The config has been changed meanwhile' });
        throwIfCancelled(options.signal);
        await rename(file.path, this.#layout.objectFile(name));
        file.moved();
        await syncFolder(this.#layout.objectFolder(name));
      }),
    );
  }

  async serverTime(options: WaitOptions = {}): Promise<Date> {
    throwIfCancelled(options.signal);
    return this.#clock.now();
  }

  transferred(): Transferred {
    return this.#count.total();
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #store(
    name: ObjectName,
    source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    options: StreamCreateOptions,
  ): Promise<CreateResult> {
    if (options.retainUntil) requireRetainable(name, options.retainUntil);
    const body = this.#counted(
      batches(source, {
        what: `The body of ${printableName(name)}`,
        expectedSizeBytes: options.expectedSizeBytes,
        maxSizeBytes: Math.min(objectSizeLimits[name.type], options.maxSizeBytes ?? Number.POSITIVE_INFINITY),
        signal: options.signal,
      }),
    );
    return (await this.#stored(name)) ? this.#compare(name, body, options) : this.#write(name, body, options);
  }

  /** Takes a body whose name is taken: it may only repeat what is there. Needs no space. */
  async #compare(
    name: ObjectName,
    body: AsyncIterable<readonly Uint8Array[]>,
    options: CreateOptions,
  ): Promise<'identical'> {
    const content = contentHash(name, options);
    for await (const pieces of body) content.update(pieces);
    const digest = content.digest();
    requireDigest(name, digest);
    await this.#exclusion.run(objectPath(name), async () => {
      await this.#requireIdentical(name, digest, options.signal);
      if (options.retainUntil) await this.#extend(name, options.retainUntil);
    });
    return 'identical';
  }

  async #write(
    name: ObjectName,
    body: AsyncIterable<readonly Uint8Array[]>,
    options: CreateOptions,
  ): Promise<CreateResult> {
    await this.#folders.make(this.#layout.temporaryFolder);
    await using file = await TemporaryFile.create(this.#layout.temporaryFolder, contentHash(name, options));
    for await (const pieces of body) await file.write(pieces);
    // `await`, because the temporary file is removed when this function ends.
    return await this.#finish(name, file, options);
  }

  /** Makes what was written durable, and gives it its name. */
  async #finish(name: ObjectName, file: TemporaryFile, options: CreateOptions): Promise<CreateResult> {
    const digest = await file.finish();
    requireDigest(name, digest);
    return this.#exclusion.run(objectPath(name), async () => {
      throwIfCancelled(options.signal);
      await this.#relied.settle('create', name);
      // Before the object has its name, so that it is never there without its protection.
      if (options.retainUntil) await this.#extend(name, options.retainUntil);
      const created = await this.#publish(file, name);
      if (!created) await this.#requireIdentical(name, digest, options.signal);
      else await syncFolder(this.#layout.objectFolder(name));
      return created ? 'created' : 'identical';
    });
  }

  async *#counted(body: AsyncIterable<readonly Uint8Array[]>): AsyncGenerator<readonly Uint8Array[]> {
    for await (const pieces of body) {
      this.#count.sent(pieces.reduce((sum, piece) => sum + piece.length, 0));
      yield pieces;
    }
  }

  async #publish(file: TemporaryFile, name: ObjectName): Promise<boolean> {
    const target = this.#layout.objectFile(name);
    const options = { hardLinks: this.#hardLinks, clock: this.#clock };
    await this.#folders.make(this.#layout.objectFolder(name));
    try {
      return await publish(file, target, options);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      // The folder was removed since we last saw it.
      this.#folders.forget();
      await this.#folders.make(this.#layout.objectFolder(name));
      return publish(file, target, options);
    }
  }

  async #requireIdentical(name: ObjectName, digest: string, signal: AbortSignal | undefined): Promise<void> {
    await using object = await openObject(this.#layout, this.#folders, name);
    if ((await digestObject(object, signal)) === digest) {
      // Whoever stored it may not have come to this yet, and our caller will rely on it.
      await syncFolder(this.#layout.objectFolder(name));
      return;
    }
    const damaged = name.type !== 'config';
    throw new HoldfastError('storage.exists', {
      message: damaged
        ? `${printableName(name)} is stored already, but its content is not what its name says`
        : 'There is a config already, with other content',
      ...(damaged ? { guidance: 'The stored object is damaged. Run `holdfast check --read-data`.' } : {}),
      context: { type: name.type, id: name.id },
    });
  }

  /** Makes durable which objects of a type there are; packs and locks, on which nothing rests, aside. */
  async #syncType(type: ObjectType): Promise<void> {
    if (type !== 'snapshot' && type !== 'index') return;
    const folder = this.#layout.typeFolder(type);
    if (await this.#folders.exists(folder)) await syncFolder(folder);
  }

  #stored(name: ObjectName): Promise<Stats | undefined> {
    return statObject(this.#layout, this.#folders, name);
  }

  #getRetention(name: ObjectName, options: WaitOptions = {}): Promise<Date | undefined> {
    return this.#attempt('look at the date of', name, options.signal, async () => {
      requireRetainable(name);
      await this.#requireStored(name);
      return this.#records.read(name);
    });
  }

  #protect(
    name: ObjectName,
    until: Date,
    options: { readonly exactly: boolean; readonly signal: AbortSignal | undefined },
  ): Promise<Date> {
    return this.#attempt('protect', name, options.signal, () =>
      this.#exclusion.run(objectPath(name), async () => {
        requireRetainable(name, until);
        await this.#requireStored(name);
        const inForce = await this.#extend(name, until);
        if (options.exactly && inForce > until)
          throw new HoldfastError('storage.immutable', {
            message: `${printableName(name)} is kept until ${inForce.toISOString()}; that can't be shortened`,
            context: { type: name.type, id: name.id, until: inForce.toISOString() },
          });
        return inForce;
      }),
    );
  }

  /** The later of the date in force and this one, recorded. */
  async #extend(name: ObjectName, until: Date): Promise<Date> {
    const present = await this.#records.read(name);
    if (present && present >= until) return present;
    await this.#records.write(name, until);
    return until;
  }

  async #requireStored(name: ObjectName): Promise<void> {
    if (!(await this.#stored(name)))
      throw new HoldfastError('storage.missing', { message: `There is no ${printableName(name)} in ${this.location}` });
  }

  async #attempt<T>(
    operation: string,
    name: ObjectName,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    requireObjectName(name);
    throwIfCancelled(signal);
    this.#count.request();
    try {
      return await work();
    } catch (error) {
      throw diskFailure(error, `${operation} ${printableName(name)}`, this.#layout.objectFile(name));
    }
  }
}
