import type { Readable } from 'node:stream';
import { type Clock, HoldfastError } from '@holdfast/core';
import type { GrantMode } from '@holdfast/protocol';
import {
  type CreateResult,
  type LocalDisk,
  type ObjectName,
  type ObjectType,
  objectSizeLimits,
  printableName,
} from '@holdfast/storage';
import { checkCreate, checkDelete, checkDeleteLock, checkFoundation } from './access-rules.ts';
import { ExclusiveLocks } from './exclusive-locks.ts';
import { type Ledger, type RepositoryKey, type UploadRecord, unknownSubject } from './ledger.ts';
import { maxLocks, maxRetentionMs } from './limits.ts';
import type { Usage } from './usage.ts';

/** Who acts, by a verified grant. */
export interface Actor {
  readonly subject: string;
  readonly mode: GrantMode;
}

export interface Upload {
  readonly actor: Actor;
  readonly name: ObjectName;
  /** Never destroyed here, except by the signal: the answer goes out on its connection. */
  readonly body: Readable;
  /** As announced by the sender; what really comes is counted. */
  readonly sizeBytes: number | undefined;
  readonly retainUntil: Date | undefined;
  /** The lock is announced as exclusive. */
  readonly exclusive: boolean;
  readonly signal: AbortSignal;
}

const config: ObjectName = { type: 'config', id: '' };
const smallTypes: ReadonlySet<ObjectType> = new Set(['config', 'key', 'lock']);

/** A repository on disk behind the rules that the mover enforces. Everything that reaches the storage goes through here. */
export class GuardedRepository implements AsyncDisposable {
  readonly #key: RepositoryKey;
  readonly #disk: LocalDisk;
  readonly #ledger: Ledger;
  readonly #usage: Usage;
  readonly #clock: Clock;
  readonly #exclusive: ExclusiveLocks;
  /** Changes of config, keys and locks, one after the other: their rules look at what is there. */
  #turn: Promise<void> = Promise.resolve();

  private constructor(options: { key: RepositoryKey; disk: LocalDisk; ledger: Ledger; usage: Usage; clock: Clock }) {
    this.#key = options.key;
    this.#disk = options.disk;
    this.#ledger = options.ledger;
    this.#usage = options.usage;
    this.#clock = options.clock;
    this.#exclusive = new ExclusiveLocks(() => options.clock.now());
  }

  static async open(options: {
    key: RepositoryKey;
    disk: LocalDisk;
    ledger: Ledger;
    usage: Usage;
    clock: Clock;
  }): Promise<GuardedRepository> {
    const repository = new GuardedRepository(options);
    await repository.#learnLocks();
    return repository;
  }

  get location(): string {
    return this.#disk.location;
  }

  get disk(): Pick<LocalDisk, 'stat' | 'list' | 'openReader' | 'serverTime' | 'capabilities'> {
    return this.#disk;
  }

  /** Who uploaded the object, if that is known. */
  uploadOf(name: ObjectName): UploadRecord | undefined {
    return this.#ledger.find(this.#key, name);
  }

  async create(upload: Upload): Promise<CreateResult> {
    const { actor, name } = upload;
    checkCreate(actor.mode, name.type);
    this.#checkRetention(upload.retainUntil);
    const maxBytes = objectSizeLimits[name.type];
    if (upload.sizeBytes !== undefined && upload.sizeBytes > maxBytes)
      throw new HoldfastError('storage.size', {
        message: `${printableName(name)} is announced with ${upload.sizeBytes} bytes; objects of its type have at most ${maxBytes}.`,
        context: { sizeBytes: upload.sizeBytes, maxBytes },
      });
    if (smallTypes.has(name.type)) {
      const body = await collect(upload.body, name, maxBytes, upload.signal);
      return this.#inTurn(() => this.#createSmall(upload, body));
    }
    using write = this.#exclusive.beginWrite(actor.subject, name.type);
    return await this.#store(upload, upload.sizeBytes ?? maxBytes, (retention) =>
      this.#disk.createFromStream(name, upload.body, {
        ...retention,
        signal: AbortSignal.any([upload.signal, write.signal]),
        expectedSizeBytes: upload.sizeBytes,
      }),
    );
  }

  async #createSmall(upload: Upload, body: Uint8Array): Promise<CreateResult> {
    const { actor, name } = upload;
    if (name.type === 'lock') return this.#createLock(upload, body);
    const exists = (await this.#disk.stat(name)) !== undefined;
    const initialised = (await this.#disk.stat(config)) !== undefined;
    const keys = name.type === 'key' && !exists ? await this.#countUpTo('key', Number.MAX_SAFE_INTEGER) : 0;
    checkFoundation(actor.mode, name, { initialised, exists, keys });
    return this.#storeSmall(upload, body);
  }

  /**
   * The record comes first here: a lock whose maker is unknown would belong to nobody. A record without a lock is harmless, and
   * the id is the hash of encrypted content, so nobody can take another's beforehand.
   */
  async #createLock(upload: Upload, body: Uint8Array): Promise<CreateResult> {
    const { actor, name, exclusive } = upload;
    if (exclusive && actor.mode !== 'maintain')
      throw new HoldfastError('grant.mode', { message: 'Only a grant to maintain may lock a repository exclusively.' });
    if ((await this.#disk.stat(name)) !== undefined) return this.#storeSmall(upload, body);
    if ((await this.#countUpTo('lock', maxLocks)) >= maxLocks)
      throw new HoldfastError('storage.full', {
        message: `The repository has ${maxLocks} locks, as many as it may have.`,
        guidance: 'Run `restic unlock` with a grant to maintain.',
      });
    const at = this.#clock.now();
    this.#ledger.recordDurably(this.#key, name, { subject: actor.subject, at, sizeBytes: body.length, exclusive });
    if (exclusive) await this.#exclusive.hold(name.id, { subject: actor.subject, at });
    try {
      return await this.#storeSmall(upload, body);
    } catch (error) {
      if ((await this.#disk.stat(name)) === undefined) this.#forgetLock(name);
      throw error;
    }
  }

  #storeSmall(upload: Upload, body: Uint8Array): Promise<CreateResult> {
    return this.#store(upload, body.length, (retention) =>
      this.#disk.create(upload.name, [body], { ...retention, signal: upload.signal }),
    );
  }

  async #store(
    upload: Upload,
    roomBytes: number,
    write: (retention: { retainUntil?: Date }) => Promise<CreateResult>,
  ): Promise<CreateResult> {
    const { name, retainUntil } = upload;
    // Posting what is there already takes no room.
    const known = await this.#disk.stat(name);
    using room = await this.#usage.reserve(known ? 0 : roomBytes);
    const result = await write(retainUntil ? { retainUntil } : {});
    if (result === 'created') {
      const sizeBytes = (await this.#disk.stat(name))?.sizeBytes ?? 0;
      room.keep(sizeBytes);
      this.#ledger.record(this.#key, name, {
        subject: upload.actor.subject,
        at: this.#clock.now(),
        sizeBytes,
        exclusive: false,
      });
    }
    return result;
  }

  /** True if it was there. */
  async delete(actor: Actor, name: ObjectName, signal: AbortSignal): Promise<boolean> {
    checkDelete(actor.mode, name.type);
    if (!smallTypes.has(name.type)) {
      using _write = this.#exclusive.beginWrite(actor.subject, name.type);
      return await this.#remove(name, signal);
    }
    return this.#inTurn(async () => {
      const found = await this.#disk.stat(name, { signal });
      if (!found) {
        if (name.type === 'lock') this.#forgetLock(name);
        return false;
      }
      if (name.type === 'lock') checkDeleteLock(actor, await this.#lockRecord(name), this.#clock.now());
      else if ((await this.#disk.stat(config)) && (await this.#countUpTo('key', 2)) < 2)
        throw new HoldfastError('grant.mode', {
          message: 'The last key of a repository stays: without it nothing could ever be read again.',
        });
      return this.#remove(name, signal);
    });
  }

  /** Everything that leaves a mover's storage leaves it here (the check "deletions"): the place for whatever keeps it longer. */
  async #remove(name: ObjectName, signal: AbortSignal): Promise<boolean> {
    const found = await this.#disk.stat(name, { signal });
    await this.#disk.delete(name, { signal });
    if (name.type === 'lock') this.#forgetLock(name);
    else this.#ledger.forget(this.#key, name);
    if (found) this.#usage.release(found.sizeBytes);
    return found !== undefined;
  }

  retention(name: ObjectName, signal: AbortSignal): Promise<Date | undefined> {
    return this.#disk.retention.get(name, { signal });
  }

  /** Gives the date that is then in force. */
  async changeRetention(
    actor: Actor,
    name: ObjectName,
    change: { mode: 'set' | 'extend'; until: Date },
    signal: AbortSignal,
  ): Promise<Date> {
    if (actor.mode === 'read') throw new HoldfastError('grant.mode', { message: 'A grant to read protects nothing.' });
    this.#checkRetention(change.until);
    if (change.mode === 'extend') return this.#disk.retention.extend(name, change.until, { signal });
    await this.#disk.retention.set(name, change.until, { signal });
    return change.until;
  }

  #checkRetention(until: Date | undefined): void {
    if (until && until.getTime() - this.#clock.now().getTime() > maxRetentionMs)
      throw new HoldfastError('request.invalid', {
        message: `${until.toISOString()} is more than ten years ahead; no object is protected for longer.`,
      });
  }

  /** Locks that were here before: exclusive ones hold on, and those whose record is lost count as exclusive ones of nobody known. */
  async #learnLocks(): Promise<void> {
    const present = new Set<string>();
    for await (const page of this.#disk.list('lock'))
      for (const info of page) {
        present.add(info.id);
        await this.#lockRecord({ type: 'lock', id: info.id });
      }
    for (const lock of this.#ledger.exclusiveLocks(this.#key)) {
      if (present.has(lock.id)) await this.#exclusive.hold(lock.id, lock);
      else this.#ledger.forget(this.#key, { type: 'lock', id: lock.id });
    }
  }

  async #lockRecord(name: ObjectName): Promise<UploadRecord> {
    const known = this.#ledger.find(this.#key, name);
    if (known) return known;
    const now = this.#clock.now();
    const found = await this.#disk.stat(name);
    const arrival = found && found.modifiedAt < now ? found.modifiedAt : now;
    const noticed = { subject: unknownSubject, at: arrival, sizeBytes: found?.sizeBytes ?? 0, exclusive: true };
    this.#ledger.recordDurably(this.#key, name, noticed);
    await this.#exclusive.hold(name.id, noticed);
    return noticed;
  }

  #forgetLock(name: ObjectName): void {
    this.#exclusive.release(name.id);
    this.#ledger.forget(this.#key, name);
  }

  async #countUpTo(type: 'key' | 'lock', enough: number): Promise<number> {
    let count = 0;
    for await (const page of this.#disk.list(type)) {
      count += page.length;
      if (count >= enough) break;
    }
    return count;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    await this.#disk[Symbol.asyncDispose]();
  }
}

/** A small body whole, so that no slow sender holds up the others whose turn comes after it. */
async function collect(body: Readable, name: ObjectName, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    const piece = chunk as Uint8Array;
    signal.throwIfAborted();
    sizeBytes += piece.length;
    if (sizeBytes > maxBytes)
      throw new HoldfastError('storage.size', {
        message: `${printableName(name)} is longer than ${maxBytes} bytes, the most that objects of its type have.`,
      });
    pieces.push(piece);
  }
  return Buffer.concat(pieces, sizeBytes);
}
