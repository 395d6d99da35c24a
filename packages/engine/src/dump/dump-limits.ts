/** Every bound of dumping, each with its reason. Sizes in bytes. */

const kib = 1024;
const mib = 1024 * kib;

export const dumpLimits = {
  /** Plain bytes that are read as one batch: a read as long as that hides the latency of any storage. */
  batchBytes: 8 * mib,
  /** Entries and blobs in a batch: folders of empty files need a bound too. */
  batchPieces: 1000,
  /** The batch that is written, and those read ahead. */
  batchesInFlight: 3,
  /** Reads of packs at once. */
  parallelReads: 5,
  /** A read goes on over gaps of this size, which cost less than a second request. */
  gapBytes: 64 * kib,
} as const;
