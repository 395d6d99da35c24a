import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { blobId, openBlob } from '../format/blob.ts';
import { BlobCipher } from '../format/blob-cipher.ts';
import { objectIdOf } from '../format/object-id.ts';
import { decodeHeader } from '../format/pack-header.ts';
import { newRepositoryKey } from '../format/repository-key.ts';
import { limits } from '../limits.ts';
import { BlobOpener, type SealedBlob } from './blob-opener.ts';
import { PackBuilder } from './pack-builder.ts';

const key = newRepositoryKey();
const cipher = new BlobCipher(key);
const opener = new BlobOpener(key);

function sealedBlobs(plains: readonly Uint8Array[]): SealedBlob[] {
  const builder = new PackBuilder({ cipher, type: 'data' });
  for (const plain of plains) builder.add(blobId(plain), plain);
  const pack = builder.finish();
  assert.ok(pack);
  const bytes = new Uint8Array(new SharedArrayBuffer(pack.bytes.byteLength));
  bytes.set(pack.bytes);
  return decodeHeader(pack.header).map((place) => ({
    ...place,
    sealed: bytes.subarray(place.offset, place.offset + place.length),
  }));
}

function opened(blobs: readonly SealedBlob[]): (Buffer | Error)[] {
  const results: (Buffer | Error)[] = [];
  opener.open(blobs, (number, plain) => {
    assert.equal(results[number], undefined, 'told twice');
    results[number] = plain instanceof Error ? plain : Buffer.from(plain);
  });
  return results;
}

test('every blob comes back, whatever their number, sizes and compression', () => {
  const plain = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc.integer({ min: 1, max: 100_000 }).map((size) => new Uint8Array(randomBytes(size))),
    fc.integer({ min: 1, max: 300_000 }).map((size) => new Uint8Array(size).fill(65)),
  );
  fc.assert(
    fc.property(fc.array(plain, { minLength: 1, maxLength: 40 }), (plains) => {
      const results = opened(sealedBlobs(plains));
      assert.equal(results.length, plains.length);
      for (const [number, expected] of plains.entries()) assert.deepEqual(results[number], Buffer.from(expected));
    }),
    { numRuns: 30 },
  );
});

test('compressed blobs that do not fit into the memory together are opened one after the other', () => {
  const mib = 1024 * 1024;
  const sizes = [limits.openBatchBytes + 1, ...Array.from({ length: 12 }, (_, at) => (7 - (at % 7)) * mib), 1, 5 * mib];
  const plains = sizes.map((size, at) => Buffer.alloc(size, `text ${at} `));
  for (const [number, result] of opened(sealedBlobs([...plains, randomBytes(mib)]))
    .slice(0, -1)
    .entries())
    assert.ok(result instanceof Buffer && result.equals(plains[number] ?? result), `blob ${number}`);
});

test('what is wrong with a blob is told as by openBlob, and harms no other', () => {
  const wrong = {
    mac: (blob: SealedBlob): SealedBlob => {
      blob.sealed[20] = (blob.sealed[20] ?? 0) ^ 1;
      return blob;
    },
    id: (blob: SealedBlob): SealedBlob => ({ ...blob, id: objectIdOf(randomBytes(32)) }),
    short: (blob: SealedBlob): SealedBlob => ({ ...blob, sealed: blob.sealed.subarray(0, 20) }),
    length: (blob: SealedBlob): SealedBlob => ({ ...blob, uncompressedLength: blob.uncompressedLength + 1 }),
    claim: (blob: SealedBlob): SealedBlob => ({ ...blob, uncompressedLength: limits.blobMaxPlainSizeBytes + 1 }),
  };
  for (const [name, damage] of Object.entries(wrong)) {
    const plains = Array.from({ length: 20 }, (_, at) => Buffer.alloc(1000 * (at + 1), `some text ${at} `));
    const blobs = sealedBlobs(plains);
    for (const at of [0, 7, 19]) blobs[at] = damage(blobs[at] ?? assert.fail());
    const before = blobs.map((blob) => ({ ...blob, sealed: blob.sealed.slice() }));
    const results = opened(blobs);
    for (const [number, blob] of before.entries()) {
      const result = results[number];
      if (![0, 7, 19].includes(number)) assert.deepEqual(result, plains[number], name);
      else {
        assert.ok(result instanceof Error, name);
        assert.throws(() => openBlob(cipher, blob.sealed, blob), { message: result.message });
      }
    }
  }
});
