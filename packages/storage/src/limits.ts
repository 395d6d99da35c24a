/** Every limit of this package. */

import type { ObjectType } from './target.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * The largest object of each type. restic's packs reach 128 MiB plus their header, an index of 50,000 blobs about 10 MiB,
 * a snapshot a few KiB; whatever is larger was not made by a client that means well.
 */
export const objectSizeLimits: Readonly<Record<ObjectType, number>> = {
  config: 64 * KiB,
  key: 64 * KiB,
  lock: 64 * KiB,
  snapshot: 1 * MiB,
  index: 64 * MiB,
  data: 160 * MiB,
};

export const maxObjectSizeBytes = Math.max(...Object.values(objectSizeLimits));

/** One read stays in memory whole. Foreign packs may be larger (below 4 GiB): they are read in ranges. */
export const maxReadBytes = 256 * MiB;

export const defaultPageSize = 1000;
export const maxPageSize = 10_000;

/** Content is hashed and written in batches: the hash of one (about 3 ms) runs while the disk writes it. */
export const writeBatchBytes = 1 * MiB;
/** IOV_MAX of Linux is 1,024; half of it, so that no system splits the call. */
export const maxPiecesPerWrite = 512;
/** Pieces in which an object is streamed out: restic's HTTP client stalls on larger ones. */
export const streamPieceBytes = 256 * KiB;
/** Calls of `lstat` in flight for one list: the thread pool has four threads. */
export const listParallelism = 16;
/** A temporary file this old belongs to a process that died: no upload takes a day. */
export const leftoverAgeMs = 24 * 3_600_000;
/** A reservation (file systems without hard links) is held for one rename; after this its holder died. */
export const reservationAgeMs = 10 * 60_000;
/** A disk has its own queue; more at once only adds seeks. */
export const localParallelRequests = 16;

/** As restic: more connections gain nothing on the links that matter, fewer leave them idle. */
export const restParallelRequests = 5;
/** A list without pages: about two million objects of a foreign server. A mover's pages stay far below. */
export const maxListBytes = 256 * MiB;
/** Reports of errors, and answers that carry nothing. */
export const maxShortAnswerBytes = 64 * KiB;
/** Transient failures: six attempts with pauses of 0.5 s, doubled each time, spread over half their length: about 15 s. */
export const retryAttempts = 6;
/** Connections that nobody answers, 15 s or more each, as long as nothing got through: the second one is for a busy other end. */
export const firstAttempts = 2;
export const retryFirstPauseMs = 500;
export const retryLongestPauseMs = 10_000;
/** A credential is renewed so long before it expires, or after two thirds of a life that is too short for that. */
export const renewBeforeMs = 60_000;
/** After a renewal that failed while the old credential is still good. */
export const renewPauseMs = 5_000;
export const renewTimeoutMs = 30_000;
