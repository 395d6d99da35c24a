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
