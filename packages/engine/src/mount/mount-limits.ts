/** Every bound of the mount, each with its reason. Sizes in bytes, times in milliseconds. */

const kib = 1024;
const mib = 1024 * kib;

export const mountLimits = {
  /** One request of the kernel: a header, two names or the data of a write; we allow the smallest write, since all are refused. */
  requestMaxBytes: 64 * kib,
  /** FUSE_MIN of the kernel. */
  writeMaxBytes: 4 * kib,
  /** What the kernel may ask for in one read: 256 pages, its own limit for most systems. */
  readMaxPages: 256,
  /** Requests for reading ahead that the kernel may have under way. */
  maxBackground: 32,
  congestionThreshold: 24,
  /** Requests on their way from the thread that reads them; beyond, it waits. They are many only when they are forgets. */
  queuedRequests: 1024,
  /** How often the reading thread looks whether it is to end. */
  stopPollMs: 200,
  /** How long it may take to end before the device is closed under it. */
  stopTimeoutMs: 5_000,
  /** A storage that does not answer for so long makes a read fail (EIO): no process hangs for ever. */
  storageTimeoutMs: 5 * 60_000,

  /** Plain blobs kept. */
  blobCacheBytes: 96 * mib,
  /** What is read ahead of a reader that goes from front to back: hides the latency of a far storage. */
  readAheadBytes: 8 * mib,
  /** Reads of packs at once. */
  parallelReads: 4,
  /** Opened folders kept, by a guess of an entry's memory. */
  folderCacheBytes: 64 * mib,
  entryGuessBytes: 1 * kib,

  /** How old the list of snapshots may be: restic's. */
  snapshotsMaxAgeMs: 60_000,
  /** What is in a snapshot never changes: the kernel may keep it. */
  immutableSeconds: 3600,
  /** Folders of snapshots do change. */
  listingSeconds: 1,
  /** Longer names make the kernel refuse the whole folder (FUSE_NAME_MAX of old kernels). */
  nameMaxBytes: 1024,
  /** Problems reported one by one. */
  maxProblems: 100,
  /** fusermount asks nobody anything. */
  fusermountTimeoutMs: 10_000,
} as const;
