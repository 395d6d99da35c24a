/**
 * What a place must offer to hold a repository, whatever it is made of: a folder, a data mover, a bucket.
 * One conformance suite (`conformance.ts`) proves every promise below for every target.
 */

/** The six kinds of file of a restic repository (restic doc/design.rst, "Repository Layout"). */
export const objectTypes = ['config', 'key', 'lock', 'snapshot', 'index', 'data'] as const;
export type ObjectType = (typeof objectTypes)[number];

/** Which object. Ids are the SHA-256 of the content, 64 lowercase hexadecimal digits; `config` has the id ''. */
export interface ObjectName {
  readonly type: ObjectType;
  readonly id: string;
}

export interface ObjectInfo {
  readonly id: string;
  readonly sizeBytes: number;
}

/** What a target can do. Callers ask before they rely on it, and refuse by name what it can't. */
export interface TargetCapabilities {
  /**
   * True: of several creates of one name exactly one answers 'created', also across computers, and nothing is ever
   * overwritten. False: the target looks before it writes, so two writers of different content could race; as every
   * name but `config` is the content's hash, only a doubled initialisation is at stake.
   */
  readonly createIfAbsent: boolean;
  /** True: `retention` is there and deletes are refused until the date. */
  readonly retention: boolean;
  /** True: `serverTime` is the clock that retention is judged by. False: it is this computer's. */
  readonly serverTime: boolean;
  readonly rangedRead: true;
  /**
   * True: a list has every object that was there when it began, whoever made it: of two who each make one and list then, at least
   * one sees the other's. False: lists may come late.
   */
  readonly consistentLists: boolean;
  /** The largest object of any type; `objectSizeLimits` gives the limit of each type. */
  readonly maxObjectSizeBytes: number;
  /** More calls than this at once gain nothing: they wait for each other. */
  readonly maxParallelRequests: number;
}

export interface WaitOptions {
  /** Aborting rejects with the signal's reason as a HoldfastError (`run.cancelled` for a plain abort). */
  readonly signal?: AbortSignal | undefined;
}

export interface CreateOptions extends WaitOptions {
  /** No delete before this time. `storage.unsupported` where the target has no retention, and for locks. */
  readonly retainUntil?: Date | undefined;
  /**
   * True: the caller itself has just computed the name from exactly these bytes, so a target in the same process need not
   * hash them again. Never for bytes that somebody else sent.
   */
  readonly verified?: boolean | undefined;
  /** Only for locks, whose content is encrypted: this one is exclusive. A mover then refuses what others want to write. */
  readonly exclusiveLock?: boolean | undefined;
}

export interface ReplaceConfigOptions extends WaitOptions {
  readonly expected: Uint8Array;
}

export interface ReadOptions extends WaitOptions {
  /** First byte; 0 if left out. */
  readonly offset?: number | undefined;
  /** Exactly that many bytes; all from `offset` on if left out. */
  readonly length?: number | undefined;
  /** Memory that the target may read into, and then gives a view of; it may also ignore it. For readers of many like pieces. */
  readonly into?: Uint8Array | undefined;
}

export interface ListOptions extends WaitOptions {
  /** Only ids that come after this one. */
  readonly after?: string | undefined;
  /** Entries of one page, 1 to 10,000; 1,000 if left out. */
  readonly pageSize?: number | undefined;
}

/** 'identical': the same bytes were there already, durably; nothing was changed. */
export type CreateResult = 'created' | 'identical';

export interface Transferred {
  readonly requests: number;
  /** Content of objects given to the target, without protocol overhead; repeated attempts count again. */
  readonly sentBytes: number;
  /** Content of objects read from the target. */
  readonly receivedBytes: number;
  /** How long requests took over a network by now, one added to the other; 0 where there is none. Those under way count, as the network's until the other end has told. */
  readonly requestMs: number;
  /** How much of that the other end says to have needed for its storage. */
  readonly storageMs: number;
}

/**
 * Dates before which an object can't be deleted. They are never shortened. Locks can't have one (`storage.unsupported`):
 * they must be removable in every mode. A missing object is `storage.missing`.
 */
export interface Retention {
  /** The date in force, also one that has passed; undefined if there never was one. */
  get(name: ObjectName, options?: WaitOptions): Promise<Date | undefined>;
  /** Sets exactly this date; `storage.immutable` if that would shorten the one in force. */
  set(name: ObjectName, until: Date, options?: WaitOptions): Promise<void>;
  /** At least this date; a later one stays. Gives the date that is then in force. */
  extend(name: ObjectName, until: Date, options?: WaitOptions): Promise<Date>;
}

/**
 * Files beside the objects that become objects: who builds one for a while writes it where it will stay, from any thread,
 * instead of holding it in memory.
 */
export interface Staging {
  /** The folder of this computer for such files, made if it is missing. What nobody wrote to for a day is swept up. */
  folder(options?: WaitOptions): Promise<string>;
  /**
   * Makes a file of that folder an object, durable like one of `create`. The file belongs to the target from then on,
   * whatever comes of it. The caller has computed the name from exactly what it wrote there; a file of another size than that
   * is refused with `storage.tampered`.
   */
  create(name: ObjectName, file: StagedObject, options?: WaitOptions): Promise<CreateResult>;
}

/** A file as its writer left it. */
export interface StagedObject {
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * A place that holds one repository. All methods may run at the same time, reject with HoldfastErrors only, and refuse
 * names that aren't well formed with `request.invalid` before anything is touched. Common errors: `storage.permission`,
 * `storage.unavailable`, `run.cancelled`, and those of the channel for targets behind a network.
 */
export interface Target extends AsyncDisposable {
  /** 'local', 'rest' …: for messages, never to decide by; that is what capabilities are for. */
  readonly kind: string;
  /** Where it is, for people. No secrets. */
  readonly location: string;
  readonly capabilities: TargetCapabilities;
  /** There exactly when `capabilities.retention` is true. */
  readonly retention: Retention | undefined;
  /** There where objects are files of this computer. */
  readonly staging?: Staging | undefined;
  /**
   * The file that an object is, for threads that read it themselves: a stored object never changes. What they cannot read they
   * leave to `read`, which knows why. There only where objects are files of this computer.
   */
  localFile?(name: ObjectName): string;

  /**
   * Stores a new object from its pieces; when it resolves the object is durable. Never overwrites, and until it is
   * whole it is not visible. Rejects with `storage.exists` (other content has that name), `storage.tampered` (the body
   * is not what the name says), `storage.size` (over the limit of its type), `storage.full`.
   */
  create(name: ObjectName, body: readonly Uint8Array[], options?: CreateOptions): Promise<CreateResult>;
  /** Exactly the bytes asked for. Rejects with `storage.missing`, or `storage.range` if the object ends before. */
  read(name: ObjectName, options?: ReadOptions): Promise<Uint8Array>;
  /** Undefined if it isn't there. */
  stat(name: ObjectName, options?: WaitOptions): Promise<ObjectInfo | undefined>;
  /** All objects of a type in ascending order of id, page by page; no page is empty. Foreign names are left out. */
  list(type: Exclude<ObjectType, 'config'>, options?: ListOptions): AsyncIterable<readonly ObjectInfo[]>;
  /**
   * Puts another `config` in the place of the present one, at once and durably, and only if that still is `expected`
   * (`storage.exists` otherwise): the one exception to "nothing is overwritten", for upgrades of the format under the exclusive
   * lock. There only where the target can do that.
   */
  replaceConfig?(body: Uint8Array, options: ReplaceConfigOptions): Promise<void>;
  /** A missing object is fine. Rejects with `storage.immutable` before the object's date. */
  delete(name: ObjectName, options?: WaitOptions): Promise<void>;
  /** The time by the clock of whoever holds the data. */
  serverTime(options?: WaitOptions): Promise<Date>;
  /** What went over this target since it was opened. */
  transferred(): Transferred;
}
