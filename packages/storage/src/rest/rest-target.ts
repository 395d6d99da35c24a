import { createHash } from 'node:crypto';
import { HoldfastError, hasCode } from '@holdfast/core';
import type { HttpResponse } from '@holdfast/wire';
import { checkedPaging, checkedRange, requireReadable } from '../arguments.ts';
import { throwIfCancelled } from '../cancellation.ts';
import { maxObjectSizeBytes, maxReadBytes, objectSizeLimits } from '../limits.ts';
import { printableName, requireListedType, requireObjectName } from '../object-name.ts';
import { objectPath, type RestRetention, restHeaders, restQueries, typeFolders } from '../rest-protocol.ts';
import { requireRetainable } from '../retainable.ts';
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
} from '../target.ts';
import { contentLength, drain, header } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { takeListPage } from './list-page.ts';

export interface RestTargetOptions {
  readonly exchange: Exchange;
  /** Begins and ends with '/'. */
  readonly basePath: string;
  readonly location: string;
  /** The other end is a data mover and knows our additions. */
  readonly mover: boolean;
  /** A mover promises it: it depends on where it keeps its objects. */
  readonly consistentLists: boolean;
}

interface OneRead {
  readonly offset: number;
  readonly length: number | undefined;
  readonly into?: Uint8Array | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A repository behind a data mover, or behind any server of restic's REST protocol. */
export class RestTarget implements Target {
  readonly kind = 'rest';
  readonly location: string;
  readonly capabilities: TargetCapabilities;
  readonly retention: Retention | undefined;
  readonly #exchange: Exchange;
  readonly #basePath: string;
  readonly #mover: boolean;

  /** Use `openRest`. */
  constructor(options: RestTargetOptions) {
    this.#exchange = options.exchange;
    this.#basePath = options.basePath;
    this.#mover = options.mover;
    this.location = options.location;
    this.capabilities = {
      createIfAbsent: options.mover,
      retention: options.mover,
      serverTime: true,
      rangedRead: true,
      consistentLists: options.consistentLists,
      maxObjectSizeBytes,
      maxParallelRequests: options.exchange.maxParallelRequests,
    };
    this.retention = options.mover
      ? {
          get: (name, wait) => this.#getRetention(name, wait),
          set: async (name, until, wait) => {
            await this.#changeRetention(name, { mode: 'set', until, signal: wait?.signal });
          },
          extend: (name, until, wait) => this.#changeRetention(name, { mode: 'extend', until, signal: wait?.signal }),
        }
      : undefined;
  }

  async create(name: ObjectName, body: readonly Uint8Array[], options: CreateOptions = {}): Promise<CreateResult> {
    requireObjectName(name);
    const { signal, retainUntil } = options;
    throwIfCancelled(signal);
    if (retainUntil) requireRetainable(name, retainUntil);
    if (retainUntil && !this.#mover) throw this.#noRetention();
    const sizeBytes = body.reduce((sum, piece) => sum + piece.length, 0);
    const maxSizeBytes = objectSizeLimits[name.type];
    if (sizeBytes > maxSizeBytes)
      throw new HoldfastError('storage.size', {
        message: `${printableName(name)} has ${sizeBytes} bytes; objects of its type have at most ${maxSizeBytes}`,
        context: { sizeBytes, maxSizeBytes },
      });
    return this.#exchange.repeat(async () => {
      // Servers other than ours refuse, or even replace, what is there.
      if (!this.#mover && (await this.#statOnce(name, signal))) return this.#requireIdentical(name, body, signal);
      try {
        return await this.#post(name, body, options);
      } catch (error) {
        if (this.#mover) throw error;
        if (hasCode(error, 'storage.permission') && (await this.#statOnce(name, signal)))
          return this.#requireIdentical(name, body, signal);
        if (hasCode(error, 'request.invalid') && name.type !== 'config' && digestOf(body) !== name.id)
          throw new HoldfastError('storage.tampered', {
            message: `The body of ${printableName(name)} has another SHA-256 than its name; nothing was stored`,
            guidance: 'It was damaged in memory. If it happens again, test the memory of this computer.',
            cause: error,
          });
        throw error;
      }
    }, signal);
  }

  async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array> {
    requireObjectName(name);
    const range = checkedRange(options);
    requireReadable(range.length ?? 0);
    return this.#exchange.repeat(
      () => this.#readOnce(name, { ...range, into: options.into, signal: options.signal }),
      options.signal,
    );
  }

  async stat(name: ObjectName, options: WaitOptions = {}): Promise<ObjectInfo | undefined> {
    requireObjectName(name);
    return this.#exchange.repeat(() => this.#statOnce(name, options.signal), options.signal);
  }

  async *list(
    type: Exclude<ObjectType, 'config'>,
    options: ListOptions = {},
  ): AsyncGenerator<readonly ObjectInfo[], void, undefined> {
    requireListedType(type);
    const { after: start, pageSize } = checkedPaging(options);
    const { signal } = options;
    for (let after = start, more = true; more; ) {
      const query = new URLSearchParams({ [restQueries.limit]: String(pageSize) });
      if (after !== '') query.set(restQueries.after, after);
      const from = after;
      const page = await this.#exchange.ask({
        method: 'GET',
        path: `${this.#basePath}${typeFolders[type]}/${this.#mover ? `?${query.toString()}` : ''}`,
        what: `list the objects of type ${type}`,
        signal,
        // Other servers make a folder when they first need it; a mover means that there is no repository.
        alsoGood: this.#mover ? [] : [404],
        take: (answer) => takeListPage(answer, from),
      });
      for (let index = 0; index < page.entries.length; index += pageSize) {
        throwIfCancelled(signal);
        yield page.entries.slice(index, index + pageSize);
      }
      after = page.entries.at(-1)?.id ?? after;
      more = page.more;
    }
  }

  async delete(name: ObjectName, options: WaitOptions = {}): Promise<void> {
    requireObjectName(name);
    await this.#exchange.ask({
      method: 'DELETE',
      path: this.#pathOf(name),
      what: `delete ${printableName(name)}`,
      signal: options.signal,
      alsoGood: [404],
      take: drain,
    });
  }

  async serverTime(options: WaitOptions = {}): Promise<Date> {
    const date = await this.#exchange.ask({
      method: 'HEAD',
      path: `${this.#basePath}config`,
      what: 'ask for the time',
      signal: options.signal,
      alsoGood: [404],
      take: async (answer) => {
        await drain(answer);
        return header(answer, 'date');
      },
    });
    const time = new Date(date ?? Number.NaN);
    if (Number.isNaN(time.getTime()))
      throw new HoldfastError('storage.unsupported', { message: 'The storage does not tell its time' });
    return time;
  }

  transferred(): Transferred {
    return this.#exchange.count.total();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exchange.close();
  }

  #pathOf(name: ObjectName): string {
    return `${this.#basePath}${objectPath(name)}`;
  }

  #post(name: ObjectName, body: readonly Uint8Array[], options: CreateOptions): Promise<CreateResult> {
    return this.#exchange.askOnce({
      method: 'POST',
      path: this.#pathOf(name),
      headers: {
        'content-type': 'application/octet-stream',
        ...(options.retainUntil ? { [restHeaders.retainUntil]: options.retainUntil.toISOString() } : {}),
        ...(options.exclusiveLock ? { [restHeaders.lock]: 'exclusive' } : {}),
      },
      body,
      what: `store ${printableName(name)}`,
      signal: options.signal,
      take: async (answer) => {
        await drain(answer);
        return header(answer, restHeaders.result) === 'identical' ? 'identical' : 'created';
      },
    });
  }

  async #readOnce(name: ObjectName, asked: OneRead): Promise<Uint8Array> {
    const { offset, length, into, signal } = asked;
    // HTTP has no way to ask for no bytes.
    if (length === 0) return this.#readNothing(name, offset, signal);
    const whole = offset === 0 && length === undefined;
    const range = `bytes=${offset}-${length === undefined ? '' : offset + length - 1}`;
    const bytes = await this.#exchange.askOnce({
      method: 'GET',
      path: this.#pathOf(name),
      headers: whole ? {} : { range },
      what: `read ${printableName(name)}`,
      signal,
      alsoGood: [416],
      take: (answer) => takeContent(answer, { whole, offset, length, into }),
    });
    if (bytes === undefined && length === undefined) return this.#readNothing(name, offset, signal);
    if (bytes === undefined || bytes.length < (length ?? 0)) throw beyondEnd(name, { offset, length });
    this.#exchange.count.received(bytes.length);
    return bytes;
  }

  #statOnce(name: ObjectName, signal: AbortSignal | undefined): Promise<ObjectInfo | undefined> {
    const what = `look at ${printableName(name)}`;
    return this.#exchange.askOnce({
      method: 'HEAD',
      path: this.#pathOf(name),
      what,
      signal,
      alsoGood: [404],
      take: async (answer) => {
        await drain(answer);
        return answer.status === 404 ? undefined : { id: name.id, sizeBytes: contentLength(answer, what) };
      },
    });
  }

  async #requireIdentical(
    name: ObjectName,
    body: readonly Uint8Array[],
    signal: AbortSignal | undefined,
  ): Promise<'identical'> {
    const stored = await this.#readOnce(name, { offset: 0, length: undefined, signal });
    if (digestOf([stored]) === digestOf(body)) return 'identical';
    throw new HoldfastError('storage.exists', {
      message: `${printableName(name)} is stored already, with other content`,
      context: { type: name.type, id: name.id },
    });
  }

  async #readNothing(name: ObjectName, offset: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const found = await this.#statOnce(name, signal);
    if (!found) throw new HoldfastError('storage.missing', { message: `There is no ${printableName(name)}` });
    if (offset > found.sizeBytes) throw beyondEnd(name, { offset, length: undefined });
    return new Uint8Array(0);
  }

  async #getRetention(name: ObjectName, options: WaitOptions = {}): Promise<Date | undefined> {
    requireObjectName(name);
    requireRetainable(name);
    return this.#exchange.ask({
      method: 'GET',
      path: `${this.#pathOf(name)}?${restQueries.retention}`,
      what: `look at the date of ${printableName(name)}`,
      signal: options.signal,
      take: takeRetention,
    });
  }

  async #changeRetention(
    name: ObjectName,
    change: { readonly mode: 'set' | 'extend'; readonly until: Date; readonly signal: AbortSignal | undefined },
  ): Promise<Date> {
    requireObjectName(name);
    requireRetainable(name, change.until);
    const inForce = await this.#exchange.ask({
      method: 'PUT',
      path: `${this.#pathOf(name)}?${restQueries.retention}`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ mode: change.mode, until: change.until.toISOString() }),
      what: `protect ${printableName(name)}`,
      signal: change.signal,
      take: takeRetention,
    });
    if (inForce && inForce >= change.until) return inForce;
    throw new HoldfastError('storage.unavailable', {
      message: `The storage did not protect ${printableName(name)} until ${change.until.toISOString()}`,
      retry: 'permanent',
    });
  }

  #noRetention(): HoldfastError {
    return new HoldfastError('storage.unsupported', {
      message: `${this.location} can't protect objects from being deleted`,
      guidance: 'Put a data mover in front of the storage.',
    });
  }
}

/** Undefined: there is nothing at that offset. */
async function takeContent(
  answer: HttpResponse,
  asked: Omit<OneRead, 'signal'> & { readonly whole: boolean },
): Promise<Buffer | undefined> {
  if (answer.status === 416) {
    await drain(answer);
    return undefined;
  }
  const start = /^bytes (\d+)-/.exec(header(answer, 'content-range') ?? '')?.[1];
  const right = asked.whole ? answer.status === 200 : answer.status === 206 && Number(start) === asked.offset;
  if (!right) {
    answer.body.on('error', () => undefined);
    answer.body.destroy();
    throw new HoldfastError('storage.unsupported', {
      message: `The storage gave another part of an object than was asked for (status ${answer.status})`,
      guidance: 'Use a server that serves ranges; a proxy in between may remove them.',
    });
  }
  return answer.bytes(asked.length ?? maxReadBytes, asked.into);
}

async function takeRetention(answer: HttpResponse): Promise<Date | undefined> {
  const content = (await answer.json()) as Partial<RestRetention> | null;
  const until = content?.until;
  if (until === null) return undefined;
  const date = new Date(typeof until === 'string' ? until : Number.NaN);
  if (Number.isNaN(date.getTime()))
    throw new HoldfastError('request.invalid', { message: 'The storage answered with something that is not a date' });
  return date;
}

function beyondEnd(
  name: ObjectName,
  range: { readonly offset: number; readonly length: number | undefined },
): HoldfastError {
  return new HoldfastError('storage.range', {
    message: `${printableName(name)} ends before the ${range.length ?? ''} bytes from ${range.offset} on that were asked for`,
    context: { type: name.type, id: name.id, offset: range.offset, length: range.length },
  });
}

function digestOf(pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}
