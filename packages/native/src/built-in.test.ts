import assert from 'node:assert/strict';
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { hashesInLanes, sha256Each, zstdContext } from './index.ts';

function expected(inputs: readonly Uint8Array[]): Buffer {
  return Buffer.concat(inputs.map((input) => createHash('sha256').update(input).digest()));
}

describe('SHA-256 in lanes', () => {
  it('gives the hash of every input, whatever their number and sizes', (t) => {
    t.diagnostic(hashesInLanes() ? 'lanes are used' : 'lanes are not faster here: the other way was tested');
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 }), (inputs) => {
        assert.ok(sha256Each(inputs).equals(expected(inputs)));
      }),
    );
    for (let round = 0; round < 30; round += 1) {
      const memory = Buffer.from(new SharedArrayBuffer(1024 * 1024));
      memory.set(randomBytes(memory.length));
      const inputs = Array.from({ length: randomInt(1, 20) }, () => {
        const start = randomInt(memory.length - 1);
        return memory.subarray(start, randomInt(start, memory.length));
      });
      assert.ok(sha256Each(inputs).equals(expected(inputs)));
    }
  });
});

describe('zstd with one context', () => {
  const context = zstdContext();
  const skip = context === undefined ? "needs a Node that exports zstd's functions (npm's Linux builds do)" : false;

  it('exchanges frames with Node in both directions', { skip }, () => {
    if (context === undefined) return;
    for (const size of [1, 100, 5000, 200_000, 3_000_000])
      for (const plain of [randomBytes(size), Buffer.from('some text '.repeat(size)).subarray(0, size)])
        for (const level of [1, 3, 9]) {
          const packed: Buffer = Buffer.from(context.compress(plain, level));
          assert.ok(zstdDecompressSync(packed).equals(plain));
          assert.ok(context.decompress(packed, size)?.equals(plain));
          assert.ok(context.decompress(zstdCompressSync(plain), size)?.equals(plain));
          assert.equal(context.decompress(packed, size + 1), undefined);
          assert.equal(context.decompress(packed, Math.max(0, size - 1)), undefined);
        }
  });

  it('refuses foreign bytes without harm', { skip }, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 1000 }), (bytes, size) => {
        if (size > 0) assert.equal(context?.decompress(bytes, size), undefined);
      }),
    );
  });
});
