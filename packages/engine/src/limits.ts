/** Every bound of this package, each with its reason. Sizes in bytes, times in milliseconds. */

const kib = 1024;
const mib = 1024 * kib;

export const limits = {
  /**
   * Content-defined chunks. Blobs of about 1 MiB are restic's order of size, so indexes and restores behave alike;
   * 8 MiB is what restic's own readers are used to.
   */
  chunkMinSizeBytes: 512 * kib,
  chunkAverageSizeBytes: 1 * mib,
  chunkMaxSizeBytes: 8 * mib,

  /** More threads than this gain nothing: the thread that uploads becomes the bottleneck. */
  maxWorkers: 8,
  /**
   * Where each thread makes its short-lived objects. V8 would take 48 MiB; a job leaves hardly anything, so that a small one
   * costs no more time (measured).
   */
  workerYoungGenerationMb: 6,
  /** One thread works alone for so long: about what starting another one takes on a busy computer. 10,000 unchanged files take less. */
  oneThreadMs: 200,
  /** Jobs given to a thread: the one it works on, and the next, so that it never waits for a message. */
  jobsPerWorker: 2,

  /** How long threads may finish their jobs, each a fraction of a second's work, before a failed backup ends them. */
  lastAnswersMs: 5000,

  /** Files up to this size are read whole inside one thread; larger ones are chunked, and their chunks spread over all. */
  smallFileMaxSizeBytes: 4 * mib,
  /** Each thread reads small files into this much memory before it stores them together. */
  scanBufferSizeBytes: 8 * mib,
  filesStoredAtOnce: 64,
  /** Trees that a thread keeps before it puts them into a pack, in random order; about the window that readers read at once. */
  keptTreesSizeBytes: 512 * kib,
  /** A piece of a large file that is read and chunked at once. At least the largest chunk, so that every step gains ground. */
  slabSizeBytes: 12 * mib,
  /** Chunks that one job hashes side by side: those of one slab, which keep the processor's eight lanes busy longest. */
  chunksPerJob: 24,
  /** Large files in work at once: the next one is opened while the last chunks of the one before are stored. */
  largeFilesAtOnce: 4,

  /** Entries of a folder that one job looks at; wider folders are split. */
  entriesPerJob: 1000,
  /** A job ends early after reading this much, so that uploads can hold it back. */
  bytesPerJob: 8 * mib,
  /** Folders that one job looks at, if they are small: a message costs as much as a dozen unchanged files. */
  foldersPerJob: 32,
  /** A job looks into no further folder after so many entries, and is given no more trees of the parent snapshot than these. */
  entriesTogether: 4000,
  /** Entries that one job counts ahead, in about 20 ms. */
  entriesCountedPerJob: 16_000,
  treeBytesPerJob: 1 * mib,
  /** Trees of the parent snapshot being loaded at once, and how many folders may wait with theirs, each mostly below 50 KB. */
  parallelParentTrees: 16,
  parentTreesAhead: 128,

  /**
   * Packs of data that grow in each thread at once: with the blobs of the next step their hashes keep the processor's 16 lanes
   * busy (measured with slabs of 12 MiB: 0.45 GiB per CPU second with one, 1.25 with four, 1.8 with six, 1.9 with eight).
   */
  growingDataPacks: 6,
  /** The same where they grow in the folder for temporary files, which may be small or even memory. */
  growingDataPacksElsewhere: 2,
  /** Memory that each of them keeps for what comes next: a share of a slab. */
  pendingKeptBytes: 2 * mib,
  /** Packs that a run leaves behind are no smaller than this, but for one of each type: with less, prune packs again. */
  packMinSizeBytes: 4 * mib,
  /** A pack that has not become full in this time is stored as it is. Its file would be swept up after a day. */
  packMaxAgeMs: 60 * 60_000,
  /** Folders of packs that a killed run has left among the temporary files: a run that lives makes a file there within the hour. */
  forgottenPacksAgeMs: 7 * 24 * 60 * 60_000,
  /** Parallel uploads, whatever the target allows: where packs are sent somewhere, each is in memory then. */
  maxParallelUploads: 3,
  /** Whole packs that are not durable yet: beyond that no more work is given to the threads, so that disk space is bounded. */
  packsInFlight: 8,

  /** Problems kept for the summary; all are counted and reported. */
  maxProblemsKept: 1000,
  /** Time between two reports of progress. */
  progressIntervalMs: 100,
  /** While nothing else gives reason to tell of progress. */
  standingIntervalMs: 1000,

  /** Paths longer than this are opened in steps; the system's limit is 4,096 with the NUL. */
  maxPathBytes: 3500,
  /** Folders inside one another. The system's own programs fail long before. */
  maxDepth: 20_000,

  /**
   * Restore: sealed bytes that one job reads, opens and writes. Packs aim at 16 MiB and end with the blob that reaches it, so this
   * is a whole one: with many blobs the lanes of the hashes are busy longest.
   */
  restoreBytesPerJob: 20 * mib,
  /**
   * Restore: bytes that one job decompresses, for which its thread has other memory. Blobs of 1 MiB keep seven of the sixteen lanes
   * busy with 12 MiB, nine with 16.
   */
  restoreUnpackedBytesPerJob: 16 * mib,
  /** Restore: jobs beyond one for each thread: one is read while others are written. With the bytes the bound of memory. */
  restoreExtraJobs: 1,
  /** Restore: files that one job writes. */
  restoreFilesPerJob: 500,
  /**
   * Restore: sealed bytes and blobs that are known to be wanted before reads are planned, so that packs are read in long pieces.
   * A backup spreads neighbours over six packs in each thread; what is known takes some two kilobytes for a file, whatever its size.
   */
  restoreWindowBytes: 1024 * mib,
  restoreWindowBlobs: 2000,
  /**
   * Restore from a storage that is no folder of this computer: what is not read together costs a request more (10,000 small
   * files of 74 MB: 45 requests and 87 MB instead of 525 and 111 MB), for about 12 MiB of memory.
   */
  restoreRemoteWindowBlobs: 8000,
  /** Restore: reads that are planned while the next window is collected, so that threads have work until it is full. */
  restorePlannedReads: 8,
  /** Restore: a ranged read goes on over gaps of this size, which cost less than a second request. */
  restoreGapBytes: 64 * kib,
  restoreRemoteGapBytes: 256 * kib,
  /** Restore: after so many bytes the disk is made to write what it has, so that little is left for the end. */
  restoreSyncBytes: 64 * mib,
  /** Restore: jobs without content that wait for a thread. */
  restoreJobsInFlight: 16,
  /** Restore: open folders and files; 1,024 is the usual limit of a process, of which others need some. */
  restoreOpenFiles: 300,
  /** Restore: files that are looked at before something is written over them, and bytes of them, before all threads begin. */
  restoreInspectedFiles: 2000,
  restoreInspectedBytes: 256 * mib,
  /** Restore: memory of a thread that compares what is there; a larger blob is read alone. */
  restoreCompareBytes: 8 * mib,
  /** Restore: other places of blobs that are kept once something is damaged. */
  restoreOtherPlaces: 1_000_000,
  /** Restore: the unit that becomes a hole when it is zero; the block of nearly all file systems. */
  holeSizeBytes: 4 * kib,

  /** Drills: the largest sample, and how many problems of a restore are kept by path. */
  drillMaxSampleFiles: 100_000,
  drillMaxProblems: 10_000,
  /** Drills: what stays free on the disk. */
  drillReserveBytes: 512 * mib,

  /** Extensions that are counted apart when trees are compared, some ten megabytes; people have thousands. */
  countedExtensions: 50_000,
  /** Folders that are read for one comparison: some minutes, and far more than people have. */
  comparedFolders: 20_000_000,

  /** The longest pattern; regular expressions made of longer ones would be slow to no use. */
  maxPatternLength: 4096,
  maxPatterns: 10_000,

  /** Snapshots of file systems. A tool that takes longer hangs; what it lists has a line for each subvolume or snapshot. */
  volumeToolTimeoutMs: 120_000,
  volumeToolMaxBytes: 16 * mib,
  /** Longer than that no file system stands still, whatever the backup does. */
  freezeMaxMs: 600_000,
} as const;
