import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { isHoldfastError } from '@holdfast/core';
import fc from 'fast-check';
import { blobId, openBlob } from '../format/blob.ts';
import { BlobCipher } from '../format/blob-cipher.ts';
import { compressIfSmaller, looksRandom, unzstd } from '../format/compression.ts';
import { idBytes, objectIdOf } from '../format/object-id.ts';
import {
  compressedEntrySizeBytes,
  decodeHeader,
  encodeHeader,
  openPackHeader,
  sealedHeaderLength,
  visitHeader,
} from '../format/pack-header.ts';
import { newRepositoryKey } from '../format/repository-key.ts';
import { limits } from '../limits.ts';
import { PackBuilder } from './pack-builder.ts';
import { planPackReads } from './pack-reads.ts';

const cipher = new BlobCipher(newRepositoryKey());

function builtOf(blobs: readonly Uint8Array[], builder = new PackBuilder({ cipher, type: 'data' })) {
  for (const blob of blobs) builder.add(blobId(blob), blob);
  return builder;
}

test('every blob of a pack comes back, and header, id and length agree', () => {
  const blob = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc.integer({ min: 1, max: 200_000 }).map((size) => new Uint8Array(randomBytes(size))),
    fc.integer({ min: 1, max: 200_000 }).map((size) => new Uint8Array(size).fill(65)),
  );
  fc.assert(
    fc.property(fc.array(blob, { minLength: 1, maxLength: 30 }), (blobs) => {
      const pack = builtOf(blobs).finish();
      assert.ok(pack);
      assert.equal(hash('sha256', pack.bytes), Buffer.from(pack.id).toString('hex'));
      assert.deepEqual(new Uint8Array(openPackHeader(cipher, pack.bytes)), pack.header);
      const listed = decodeHeader(pack.header);
      assert.equal(listed.length, blobs.length);
      for (const [at, entry] of listed.entries()) {
        const sealed = pack.bytes.subarray(entry.offset, entry.offset + entry.length);
        assert.deepEqual(new Uint8Array(openBlob(cipher, sealed, entry)), blobs[at]);
      }
      assert.deepEqual(encodeHeader(listed.map((entry) => ({ ...entry, id: idBytes(entry.id) }))), pack.header);
    }),
    { numRuns: 30 },
  );
});

test('partial packs of several builders become one', () => {
  const first = builtOf([Buffer.from('one'), Buffer.from('two')]).finishPartial();
  const second = builtOf([Buffer.alloc(5000, 'x')]).finishPartial();
  assert.ok(first && second);
  const builder = builtOf([randomBytes(1000)]);
  builder.absorb(first);
  builder.absorb(second);
  const pack = builder.finish();
  assert.ok(pack);
  assert.equal(pack.blobCount, 4);
  for (const entry of decodeHeader(openPackHeader(cipher, pack.bytes)))
    openBlob(cipher, pack.bytes.subarray(entry.offset, entry.offset + entry.length), entry);
  assert.throws(() => new PackBuilder({ cipher, type: 'tree' }).absorb(first), { code: 'internal.unexpected' });
});

test('a builder is empty after finishing, builds the next pack, and takes used memory back', () => {
  const builder = builtOf([Buffer.from('one')]);
  const first = builder.finish();
  assert.ok(first);
  assert.equal(builder.finish(), undefined);
  const kept = Buffer.from(first.bytes);
  const second = builtOf([Buffer.from('two')], builder).finish();
  assert.deepEqual(Buffer.from(first.bytes), kept);
  builder.reuse(first.bytes.buffer);
  const third = builtOf([Buffer.from('three')], builder).finish();
  assert.equal(third?.bytes.buffer, first.bytes.buffer);
  assert.ok(second);
});

test('a pack is full at its target, never beyond 128 MiB, and no blob is empty', () => {
  const builder = new PackBuilder({ cipher, type: 'data', targetSizeBytes: 5000, compression: 'off' });
  assert.throws(() => builder.add(randomBytes(32), new Uint8Array(0)), { code: 'internal.unexpected' });
  builder.add(randomBytes(32), randomBytes(4000));
  assert.equal(builder.full, false);
  builder.add(randomBytes(32), randomBytes(1000));
  assert.equal(builder.full, true);
  assert.throws(() => builder.add(randomBytes(32), new Uint8Array(limits.packMaxSizeBytes - 5000)), {
    code: 'internal.limit',
  });
  assert.equal(builder.finish()?.blobCount, 2);
});

test('a builder knows before whether a blob fits in, up to the largest pack and the longest header', () => {
  const builder = new PackBuilder({ cipher, type: 'data', targetSizeBytes: limits.packMaxSizeBytes });
  const blob = { id: randomBytes(32), uncompressedLength: 1 };
  builder.addSealed(blob, new Uint8Array(100 * 1024 * 1024));
  const roomBytes = limits.packMaxSizeBytes - builder.sizeBytes - compressedEntrySizeBytes;
  assert.equal(builder.hasRoomFor(roomBytes), true);
  assert.equal(builder.hasRoomFor(roomBytes + 1), false);
  assert.throws(() => builder.addSealed(blob, new Uint8Array(roomBytes + 1)), { code: 'internal.limit' });
  builder.addSealed(blob, new Uint8Array(roomBytes));
  assert.equal(builder.finishPartial()?.bytes.byteLength, 100 * 1024 * 1024 + roomBytes);
  const header = new Uint8Array(10 * 1024 * 1024);
  const partial = { type: 'data', bytes: new Uint8Array(new SharedArrayBuffer(100)), header, blobCount: 1 } as const;
  assert.equal(builder.hasRoomFor(100, header.byteLength), true);
  builder.absorb(partial);
  assert.equal(builder.hasRoomFor(100), true);
  assert.equal(builder.hasRoomFor(100, header.byteLength), false);
  assert.throws(() => builder.absorb(partial), { code: 'internal.limit' });
});

test('what is random already is not compressed; everything else is, if it shrinks', () => {
  for (const size of [1, 100, 4096, 70_000, 1_000_000]) {
    assert.equal(compressIfSmaller(randomBytes(size), 3), undefined, `random, ${size}`);
    assert.equal(compressIfSmaller(Buffer.alloc(size, 'text '), 'off'), undefined);
  }
  assert.equal(looksRandom(randomBytes(2048)), true);
  for (const size of [300, 4096, 70_000, 1_000_000]) {
    const plain = Buffer.alloc(size, 'all work and no play makes a dull boy ');
    const packed = compressIfSmaller(plain, 3);
    assert.ok(packed && packed.byteLength < size / 2);
    assert.deepEqual(unzstd(packed, { maxSizeBytes: size, what: 'it' }), plain);
    assert.throws(() => unzstd(packed, { maxSizeBytes: size - 1, what: 'it' }), { code: 'storage.tampered' });
  }
});

test('a blob that is not what its name says is refused', () => {
  const pack = builtOf([Buffer.alloc(9000, 'abc'), randomBytes(50)]).finish();
  assert.ok(pack);
  for (const entry of decodeHeader(pack.header)) {
    const sealed = pack.bytes.subarray(entry.offset, entry.offset + entry.length);
    const refused = { code: 'storage.tampered' };
    assert.throws(() => openBlob(cipher, sealed, { ...entry, id: objectIdOf(randomBytes(32)) }), refused);
    assert.throws(() => openBlob(cipher, sealed, { ...entry, uncompressedLength: 8999 }), refused);
    assert.throws(() => openBlob(cipher, sealed, { ...entry, uncompressedLength: 9001 }), refused);
    assert.throws(() => openBlob(cipher, sealed.subarray(1), entry), refused);
  }
});

test('any bytes are a header, or are refused in words', () => {
  const entries = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 200 }), fc.uint8Array({ maxLength: 40 })))
    .map((list) => Buffer.concat(list.flatMap(([type, length, rest]) => [Buffer.of(type, length, 0, 0, 0), rest])));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 500 }), entries), (bytes) => {
      try {
        const blobs = decodeHeader(bytes);
        let end = 0;
        for (const blob of blobs) {
          assert.equal(blob.offset, end);
          end += blob.length;
        }
        assert.equal(
          visitHeader(bytes, () => {}),
          end,
        );
      } catch (error) {
        assert.ok(isHoldfastError(error) && error.code === 'repository.damaged', String(error));
      }
    }),
  );
});

test('any end of a pack gives a header within the pack, or is refused in words', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(400), fc.nat(2 ** 33), (bytes, length, size) => {
      const tail = Buffer.concat([bytes, Buffer.alloc(4)]);
      tail.writeUInt32LE(length, tail.byteLength - 4);
      for (const packSize of [size, tail.byteLength]) {
        try {
          assert.ok(sealedHeaderLength(tail, packSize) <= packSize - 4);
        } catch (error) {
          assert.ok(isHoldfastError(error) && error.code === 'repository.damaged', String(error));
        }
      }
      try {
        openPackHeader(cipher, tail);
        assert.fail('opened what nobody sealed');
      } catch (error) {
        assert.ok(isHoldfastError(error), String(error));
      }
    }),
  );
});

test('reads cover every blob once, stay within bounds and do not mix packs', () => {
  const packs = [objectIdOf(new Uint8Array(32)), objectIdOf(new Uint8Array(32).fill(1))];
  const blob = fc.record({
    packId: fc.constantFrom(...packs),
    offset: fc.nat(10_000),
    length: fc.integer({ min: 32, max: 600 }),
    uncompressedLength: fc.constant(0),
  });
  fc.assert(
    fc.property(fc.array(blob), (blobs) => {
      const reads = planPackReads(blobs, { gapBytes: 100, maxBytes: 2000 });
      assert.equal(
        reads.reduce((sum, read) => sum + read.blobs.length, 0),
        blobs.length,
      );
      for (const read of reads) {
        assert.ok(read.length <= 2000);
        for (const one of read.blobs) {
          assert.equal(one.packId, read.packId);
          assert.ok(one.offset >= read.offset && one.offset + one.length <= read.offset + read.length);
        }
      }
    }),
  );
});
