import { createHash } from 'node:crypto';

/** Sets beyond this would exceed V8's limit of 2^24 entries each. */
const shardCount = 256;
/** 128 bits of SHA-256: two of 2^32 values are equal by chance once in 2^64. */
const digestBytes = 16;

/** A set of byte strings that remembers only a digest of each: about 60 bytes of memory, however long they are. */
export class DigestSet {
  readonly #shards = Array.from({ length: shardCount }, () => new Set<string>());

  /** True when the parts, one after the other, were not in the set. */
  add(parts: Iterable<string | Uint8Array>): boolean {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    const digest = hash.digest().subarray(0, digestBytes);
    const shard = this.#shards[digest[0] ?? 0];
    const key = digest.toString('latin1');
    if (shard === undefined || shard.has(key)) return false;
    shard.add(key);
    return true;
  }
}
