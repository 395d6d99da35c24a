/** Every bound of this package, each with its reason. Sizes in bytes, times in milliseconds. */

const kib = 1024;
const mib = 1024 * kib;

export const limits = {
  /** What a run aims at; restic's own default. */
  packTargetSizeBytes: 16 * mib,
  /** restic writes packs up to this size, and its readers keep a pack of it in memory. */
  packMaxSizeBytes: 128 * mib,
  /** restic's `pack.MaxHeaderSize`, without the length field: it refuses a longer header. */
  packHeaderMaxSizeBytes: 16 * mib,
  /** A zstd frame may claim any size; nothing that restic or we write comes near this. */
  blobMaxPlainSizeBytes: 1024 * mib,
  /** Unpacked files after decompression: an index of 50,000 blobs has 10 MB, but older programs wrote larger ones. */
  unpackedMaxPlainSizeBytes: 512 * mib,
  /** And so many bytes, plus so many times its compressed size: ids hardly compress, lists of paths twenty to one. */
  unpackedAlwaysPlainSizeBytes: 16 * mib,
  unpackedMaxRatio: 64,
  /** Sizes above which a file of that type is not read at all. Locks, keys and config are tiny. */
  keyFileMaxSizeBytes: 64 * kib,
  lockFileMaxSizeBytes: 64 * kib,
  configMaxSizeBytes: 64 * kib,
  snapshotMaxSizeBytes: 16 * mib,
  indexMaxSizeBytes: 256 * mib,

  /** restic tries at most 20 keys too; each costs a scrypt: tenths of a second of a core, unless its file asks for more. */
  keyTries: 20,
  /** 128 * r * (N + p) bytes: a foreign key file must not take all memory. */
  scryptMaxMemoryBytes: 1024 * mib,
  /** p multiplies the time of scrypt. */
  scryptMaxParallelization: 64,

  /** restic's bounds of an index file: this many blobs, or so old. */
  indexMaxBlobs: 50_000,
  indexMaxAgeMs: 10 * 60_000,
  /** Parallel reads of small files (index, snapshot, lock): enough to hide latency, few enough for memory. */
  parallelFileReads: 8,
  /** Packs that are stored at once: as restic, enough for links with latency; each holds its memory. */
  parallelPackWrites: 5,

  /** Deletes at once: small requests, so that only latency counts. */
  parallelDeletes: 16,

  /** Nonces made by one call: amortises 3.8 µs of AES set-up to nothing (32 KiB of memory). */
  nonceBatch: 1000,

  /** Index, snapshot and lock files up to this size are not compressed. A lock has 170 bytes and two names. */
  neverCompressedBytes: 1024,

  /** Blobs above this size are sampled before they are compressed. */
  sampleAboveBytes: 64 * kib,
  /** The sample: this many pieces of this size, evenly spread. */
  samplePieces: 4,
  samplePieceBytes: 4 * kib,

  /** Entries of the index in memory: 2^27 take 7 GiB of address space, of memory only what is used. */
  indexMaxEntries: 2 ** 27,
  indexMaxPacks: 2 ** 24,
  /** Of a sealed and compressed index file, for each of its blobs: 32 of the id, and some for its place. To guess how many there are. */
  indexBytesPerBlob: 38,
  /** How long a thread waits for another one's insertion, which takes microseconds; longer means that it died. */
  indexLockTimeoutMs: 30_000,

  /** restic's lock protocol. */
  lockRefreshMs: 5 * 60_000,
  lockStaleMs: 30 * 60_000,
  /** A lock that was not refreshed for so long may soon count as stale elsewhere: the work must stop. */
  lockLostMs: 22.5 * 60_000,
  lockSettleMs: 200,
  /** Reading may begin before the second look if the first one and the lock's creation took less: half of it, to be sure. */
  lockPromptMs: 100,
  /** How often the age of the lock is looked at; wall clock, because timers stand still in standby. */
  lockPollMs: 5_000,
  /** restic's pauses between looks at a lock that is waited for: doubled from the first to the longest. */
  lockRetryFirstMs: 5_000,
  lockRetryLongestMs: 60_000,
  /** Pauses are longer by up to this share. */
  lockRetrySpread: 0.1,
  /** How long giving back a lock may take. */
  lockReleaseTimeoutMs: 60_000,
  /** More locks than that are an attack or a defect, not use. */
  lockMaxFiles: 10_000,

  /** Sealed ranges of tree packs kept in memory, and the window that one read covers. */
  treeWindowBytes: 512 * kib,
  treeWindowCacheBytes: 64 * mib,
  /** Plain trees kept in memory. */
  treeCacheBytes: 32 * mib,
  /** Trees loaded at once when a whole repository is walked. */
  parallelTreeLoads: 8,

  /** A ranged read goes on over gaps up to this size: reading them costs less than a second request. */
  readGapBytes: 256 * kib,
  /** One ranged read of a restore: bounds the memory of each reader. */
  readMaxBytes: 32 * mib,
  /** Blobs of a view that are opened and sealed again at once, for each reader: enough for a read to be worth its request. */
  viewPieceBytes: 4 * mib,

  /** A check with all data: threads, and packs that each reads side by side (see `verifyPacks`). */
  checkThreads: 8,
  checkLanes: 8,
  /** V8 lets short-lived objects of each thread grow to 48 MiB; these are views, and few. */
  checkWorkerYoungGenerationMb: 6,
  /** Up to so many bytes of packs are verified without threads: a thread takes 100 ms to start, as long as 32 MiB take. */
  checkAloneBytes: 24 * mib,
  /** Each lane has two windows of this size: long enough to hide what a call costs. */
  checkWindowBytes: 256 * kib,
  /** As many lanes as the widest registers have; with fewer it is the same. */
  checkHashLanes: 16,
  /**
   * Plain bytes of one batch of a thread: more than the windows of its lanes have, and what waits of long blobs; a larger blob is
   * verified alone.
   */
  checkBatchBytes: 8 * mib,
  /** Sealed trees kept while the snapshots are followed: each tree is needed once, but its neighbours come with it. */
  checkTreeCacheBytes: 8 * mib,
  /** Read from the end of a pack whose header's length nobody knows: room for 800 blobs, so one read is mostly enough. */
  headerGuessBytes: 32 * kib,
  /** Losses kept for each damaged folder of a repair; the rest is counted. */
  repairMaxLosses: 100_000,
  /** Plain bytes of compressed blobs that a thread opens and hashes side by side, where nothing else was asked for. */
  openBatchBytes: 8 * mib,
  /** Problems listed one by one; the rest is counted. */
  checkMaxProblems: 10_000,

  /** The longest read of a copy or a prune: several blobs, so that they are hashed side by side. */
  copyReadMaxBytes: 8 * mib,
  /** Packs of a copy that are stored at once: enough for links with latency; others grow and wait in the threads meanwhile. */
  copyPackWrites: 3,
  /** How much of a copy may be lost when it is killed: after so many bytes, or so long, everything is made durable. */
  copySettleBytes: 1024 * mib,
  copySettleAgeMs: 60_000,
  /** How long a copy that was stopped may take to keep what it has. */
  copyLastSettleTimeoutMs: 30_000,

  /** A prune reads trees in pieces of this size, over gaps up to that one: most of a pack of trees is needed. */
  pruneTreeReadBytes: 8 * mib,
  pruneTreeGapBytes: 256 * kib,
  /** Threads that verify what is packed again. Each takes some 80 MiB: a pack that grows, two that wait, and what is read. */
  repackThreads: 3,
  /** Packs that are stored at once while others are packed again. */
  repackPackWrites: 2,
  /** Where each of them makes short-lived objects: V8 would take 48 MiB. */
  repackYoungGenerationMb: 6,
  /**
   * Less than this for each thread is not worth its start and its 50 MiB: of a prune, which mostly waits for the storage, and of
   * a copy, which seals everything again.
   */
  repackBytesPerThread: 256 * mib,
  copyBytesPerThread: 32 * mib,
  /** restic's reasons to pack small packs together: below four fifths of 4 MiB, and at least so many of them. */
  pruneSmallPackBytes: 4 * mib,
  pruneSmallPacks: 10,
  /** Index files with fewer blobs than this are merged when there are so many, so that opening stays fast. */
  pruneSmallIndexBlobs: 10_000,
  pruneSmallIndexes: 8,
  /** How long the end of a prune waits for backups that run, where nothing else was asked for. */
  pruneLockWaitMs: 60 * 60_000,
  /** Another prune in between makes the plan void; so often it is made again. */
  pruneAttempts: 3,

  /** A rewrite: folders it remembers, of 400 bytes or so each, and snapshots that share packs and index files. */
  rewriteKnownFolders: 100_000,
  rewriteBatch: 100,
} as const;
