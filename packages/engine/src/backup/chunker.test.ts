import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { limits } from '../limits.ts';
import { Chunker, type ChunkSizes } from './chunker.ts';

let seed = 0;
const gear = randomTable();
// Cuts at 2^-22 would never show in small inputs, so these tests make the maximum decide as well as the content.
const small: ChunkSizes = { minSizeBytes: 64, averageSizeBytes: 128, maxSizeBytes: 4096 };

/** Random bytes, others at each call and the same in each run: with some tables and contents a cut comes late. */
function noise(sizeBytes: number): Uint8Array {
  seed += 1;
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, 'chunks'), Buffer.alloc(16, seed)).update(
    Buffer.alloc(sizeBytes),
  );
}

function randomTable(): Uint32Array {
  return new Uint32Array(Uint8Array.from(noise(1024)).buffer);
}

function chunkEnds(
  table: Uint32Array,
  bytes: Uint8Array,
  { last = true, sizes }: { last?: boolean; sizes?: ChunkSizes } = {},
): number[] {
  const chunker = new Chunker(Math.max(1, bytes.length), table, sizes);
  chunker.bytes.set(bytes);
  return chunker.chunks({ start: 0, end: bytes.length }, { last }).map(({ end }) => end);
}

/** The same rule, byte by byte, as the first version of Holdfast had it. */
function referenceEnds(table: Uint32Array, bytes: Uint8Array, sizes: ChunkSizes): number[] {
  const ends: number[] = [];
  for (let start = 0; start < bytes.length; ) {
    const limit = Math.min(bytes.length, start + sizes.maxSizeBytes);
    let end = limit;
    let hash = 0;
    for (let at = start + sizes.minSizeBytes - 32; at < limit; at += 1) {
      hash = ((hash << 1) + (table[bytes[at] ?? 0] ?? 0)) | 0;
      if (at < start + sizes.minSizeBytes) continue;
      if (hash >>> (at < start + sizes.averageSizeBytes ? 10 : 14) !== 0) continue;
      end = at + 1;
      break;
    }
    ends.push(end);
    start = end;
  }
  return ends;
}

function hashes(bytes: Uint8Array, ends: readonly number[]): string[] {
  return ends.map((end, at) =>
    createHash('sha256')
      .update(bytes.subarray(ends[at - 1] ?? 0, end))
      .digest('hex'),
  );
}

describe('chunker', () => {
  it('covers any input without gaps, within the bounds', () => {
    const chunker = new Chunker(20_000, gear, small);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
        chunker.bytes.set(bytes);
        const chunks = chunker.chunks({ start: 0, end: bytes.length }, { last: true });
        assert.equal(chunks.at(-1)?.end ?? 0, bytes.length);
        chunks.forEach(({ start, end }, at) => {
          assert.equal(start, chunks[at - 1]?.end ?? 0);
          assert.ok(end - start <= small.maxSizeBytes);
          if (at < chunks.length - 1) assert.ok(end - start >= small.minSizeBytes);
        });
      }),
    );
  });

  it('cuts where the rule, applied byte by byte, cuts', () => {
    for (const sizes of [
      { minSizeBytes: 64, averageSizeBytes: 40_000, maxSizeBytes: 300_001 },
      { minSizeBytes: 1_003, averageSizeBytes: 1_010, maxSizeBytes: 700_000 },
    ]) {
      const bytes = noise(8 * 1024 * 1024 + 5);
      assert.deepEqual(chunkEnds(gear, bytes, { sizes }), referenceEnds(gear, bytes, sizes));
    }
    // Tables whose sums reach zero often, so that cuts fall on every byte of the unrolled loop.
    const often = new Uint32Array(256).map((_, at) => (at % 3 === 0 ? 0 : at * 0x01000193));
    const bytes = noise(200_000).map((byte) => (byte < 160 ? 0 : byte));
    assert.deepEqual(chunkEnds(often, bytes, { sizes: small }), referenceEnds(often, bytes, small));
  });

  it('begins anywhere in the memory', () => {
    const bytes = noise(6 * 1024 * 1024);
    const chunker = new Chunker(bytes.length + 77, gear);
    chunker.bytes.set(bytes, 77);
    const chunks = chunker.chunks({ start: 77, end: 77 + bytes.length }, { last: true });
    assert.deepEqual(
      chunks.map(({ end }) => end - 77),
      chunkEnds(gear, bytes),
    );
    assert.throws(() => chunker.chunks({ start: 0, end: 64 * 1024 * 1024 }, { last: true }), RangeError);
  });

  it('cuts a file that is read in pieces where it cuts the whole file', () => {
    const bytes = noise(40 * 1024 * 1024);
    const whole = chunkEnds(gear, bytes);
    const pieces: number[] = [];
    for (let start = 0; start < bytes.length; ) {
      const piece = bytes.subarray(start, start + limits.slabSizeBytes);
      const ends = chunkEnds(gear, piece, { last: start + piece.length === bytes.length });
      assert.ok(ends.length > 0);
      for (const end of ends) pieces.push(start + end);
      start = pieces.at(-1) ?? 0;
    }
    assert.deepEqual(pieces, whole);
    const average = bytes.length / whole.length;
    assert.ok(average > limits.chunkMinSizeBytes && average < 2 * limits.chunkAverageSizeBytes, `average ${average}`);
  });

  it('finds the same chunks again after an insertion', () => {
    const bytes = noise(24 * 1024 * 1024);
    const at = 5_000_000;
    const changed = Buffer.concat([bytes.subarray(0, at), noise(1234), bytes.subarray(at)]);
    const before = new Set(hashes(bytes, chunkEnds(gear, bytes)));
    const after = hashes(changed, chunkEnds(gear, changed));
    const fresh = after.filter((hash) => !before.has(hash));
    assert.ok(fresh.length <= 4, `${fresh.length} of ${after.length} chunks changed`);
  });

  it('cuts constant data at the maximum only', () => {
    const ends = chunkEnds(new Uint32Array(256).fill(1), new Uint8Array(3 * limits.chunkMaxSizeBytes));
    assert.deepEqual(
      ends,
      [1, 2, 3].map((chunks) => chunks * limits.chunkMaxSizeBytes),
    );
  });

  it('depends on the table', () => {
    const bytes = noise(16 * 1024 * 1024);
    const other = randomTable();
    assert.notDeepEqual(chunkEnds(gear, bytes), chunkEnds(other, bytes));
  });
});
