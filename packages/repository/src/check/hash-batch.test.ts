import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { sha256OneByOne, sha256Together } from '@holdfast/native';
import { objectIdOf } from '../format/object-id.ts';
import { limits } from '../limits.ts';
import { HashBatch } from './hash-batch.ts';
import type { HeaderPlace, OpenPack } from './pack-windows.ts';

/** So long that it is hashed in several steps, and of no whole number of blocks. */
const longBytes = 3 * limits.checkWindowBytes + 13;

function openPack(): OpenPack {
  const pack = { id: objectIdOf(new Uint8Array(32)), sizeBytes: 0, tailBytes: 0, indexDigest: '' };
  return { pack, problems: [], stream: undefined, suspects: [], waitingBlobs: 0, unreadable: false };
}

function placeOf(plain: Uint8Array): HeaderPlace {
  const id = new Uint8Array(hash('sha256', plain, 'buffer'));
  return { id, offset: 0, length: plain.byteLength + 32, uncompressedLength: plain.byteLength };
}

for (const [name, together] of Object.entries({ lanes: sha256Together, 'one by one': sha256OneByOne }))
  test(`what is longer than the rest waits while its memory is used again, and is judged in the end (${name})`, () => {
    const batch = new HashBatch(together());
    const pack = openPack();
    const wrong: HeaderPlace[] = [];
    const sizes = [100, longBytes, 64, 20_000, longBytes + 5, 1, 90_000, longBytes - 64];
    let mostWaiting = 0;
    for (let step = 0; step < 30; step += 1) {
      for (const [at, sizeBytes] of sizes.entries()) {
        let room = batch.room(sizeBytes);
        for (; room === undefined; room = batch.room(sizeBytes)) batch.run();
        room.fill(step * sizes.length + at);
        const place = placeOf(room);
        if ((step + at) % 7 === 0) {
          place.id[0] = (place.id[0] ?? 0) ^ 1;
          wrong.push(place);
        }
        batch.addWhole({ pack, place }, room);
      }
      batch.run();
      mostWaiting = Math.max(mostWaiting, pack.waitingBlobs);
    }
    while (batch.isWaiting) batch.run();
    assert.ok(mostWaiting > 1, 'several waited at once');
    assert.equal(pack.waitingBlobs, 0);
    assert.deepEqual(new Set(pack.suspects), new Set(wrong));
  });

test('a blob beyond all memory has its own, is hashed by itself, and leaves room behind', () => {
  const batch = new HashBatch(sha256Together());
  const pack = openPack();
  const plain = batch.room(limits.checkBatchBytes + 1000);
  assert.ok(plain !== undefined);
  assert.equal(batch.room(1), undefined);
  batch.addWhole({ pack, place: placeOf(plain) }, plain);
  while (batch.isWaiting) batch.run();
  assert.deepEqual([pack.waitingBlobs, pack.suspects], [0, []]);
  assert.equal(batch.room(limits.checkBatchBytes)?.byteLength, limits.checkBatchBytes);
});
