import assert from 'node:assert/strict';
import { createHash, randomFillSync } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ChunkSizes, chunkEnds } from './chunker.ts';
import { limits } from './limits.ts';

const gear = randomFillSync(new Uint32Array(256));
// Cuts at 2^-22 would never show in small inputs, so these tests make the maximum decide as well as the content.
const sizes: ChunkSizes = { minSizeBytes: 64, averageSizeBytes: 128, maxSizeBytes: 4096 };

function noise(sizeBytes: number): Uint8Array {
  return randomFillSync(new Uint8Array(sizeBytes));
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
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
        const ends = chunkEnds(gear, bytes, { last: true, sizes });
        assert.equal(ends.at(-1) ?? 0, bytes.length);
        ends.forEach((end, at) => {
          const size = end - (ends[at - 1] ?? 0);
          assert.ok(size <= sizes.maxSizeBytes);
          if (at < ends.length - 1) assert.ok(size >= sizes.minSizeBytes);
        });
      }),
    );
  });

  it('cuts a file that is read in pieces where it cuts the whole file', () => {
    const bytes = noise(40 * 1024 * 1024);
    const whole = chunkEnds(gear, bytes, { last: true });
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
    const before = new Set(hashes(bytes, chunkEnds(gear, bytes, { last: true })));
    const after = hashes(changed, chunkEnds(gear, changed, { last: true }));
    const fresh = after.filter((hash) => !before.has(hash));
    assert.ok(fresh.length <= 4, `${fresh.length} of ${after.length} chunks changed`);
  });

  it('cuts constant data at the maximum only', () => {
    const ends = chunkEnds(new Uint32Array(256).fill(1), new Uint8Array(3 * limits.chunkMaxSizeBytes), { last: true });
    assert.deepEqual(
      ends,
      [1, 2, 3].map((chunks) => chunks * limits.chunkMaxSizeBytes),
    );
  });

  it('depends on the table', () => {
    const bytes = noise(16 * 1024 * 1024);
    const other = randomFillSync(new Uint32Array(256));
    assert.notDeepEqual(chunkEnds(gear, bytes, { last: true }), chunkEnds(other, bytes, { last: true }));
  });
});
