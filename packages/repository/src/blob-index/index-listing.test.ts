import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import fc from 'fast-check';
import { decodeIndex, encodeIndex, type IndexFilePack } from '../format/index-file.ts';
import { objectIdOf } from '../format/object-id.ts';
import { encodeHeader } from '../format/pack-header.ts';
import { decodeFile } from '../format/unpacked-file.ts';
import { openRepository } from '../open-repository.ts';
import { listedPacks } from '../testing/listed-packs.ts';
import { MemoryTarget } from '../testing/memory-target.ts';
import { restic } from '../testing/restic.ts';
import { samplePassword, sampleRepository } from '../testing/sample-repository.ts';
import { IndexListing } from './index-listing.ts';

const listing = new IndexListing();

/** Undefined when the scanner leaves the file to the other reader. */
function scanned(plain: Uint8Array): IndexFilePack[] | undefined {
  const known = listing.scan(plain);
  if (!known) assert.equal(listing.blobCount, 0, 'nothing is listed');
  return known ? listedPacks(listing) : undefined;
}

/** What the other reader finds, but for packs without blobs. */
function decoded(plain: Uint8Array): IndexFilePack[] {
  return decodeIndex(plain, 'index').filter((pack) => pack.blobs.length > 0);
}

const blobs = fc.array(
  fc.record({
    type: fc.constantFrom('data' as const, 'tree' as const),
    id: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    length: fc.integer({ min: 32, max: 100_000_000 }),
    uncompressedLength: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 32 - 1 })),
  }),
  { maxLength: 8 },
);

test('what we write is scanned as the other reader reads it', () => {
  fc.assert(
    fc.property(fc.array(blobs, { maxLength: 5 }), (packs) => {
      const plain = encodeIndex(packs.map((list) => ({ id: randomBytes(32), header: encodeHeader(list) })));
      assert.deepEqual(scanned(plain), decoded(plain));
    }),
  );
});

test('whatever is changed is scanned as the other reader reads it, or left to that one', () => {
  const id = '0123456789abcdef'.repeat(4);
  const blob = { id, type: 'data', offset: 0, length: 100, uncompressed_length: 200 };
  const seed = Buffer.from(JSON.stringify({ packs: [{ id, blobs: [blob, { ...blob, type: 'tree', offset: 100 }] }] }));
  assert.ok(scanned(seed));
  let known = 0;
  fc.assert(
    fc.property(fc.nat({ max: seed.byteLength - 1 }), fc.integer({ min: 32, max: 126 }), (at, byte) => {
      const plain = Buffer.from(seed);
      plain[at] = byte;
      const packs = scanned(plain);
      if (packs === undefined) return;
      known += 1;
      assert.deepEqual(packs, decoded(plain));
    }),
    { numRuns: 3000 },
  );
  assert.ok(known > 100 && known < 3000);
  const odd = [
    '',
    '{}',
    '{"packs":null}',
    '{"packs":[]} ',
    '{ "packs":[]}',
    `{"packs":[{"id":"${id}","blobs":[${JSON.stringify({ ...blob, offset: 2 ** 32 })}]}]}`,
    `{"packs":[{"id":"${id}","blobs":[${JSON.stringify({ ...blob, length: 31 })}]}]}`,
    `{"packs":[{"id":"${id}","blobs":[${JSON.stringify(blob).replace('100', '0100')}]}]}`,
    `{"packs":[{"id":"${id.toUpperCase()}","blobs":[]}]}`,
    `{"supersedes":["${id}"],"packs":[]}`,
  ];
  for (const plain of odd) assert.equal(scanned(Buffer.from(plain)), undefined, plain);
  const short = Buffer.from(seed.subarray(0, -2));
  for (let end = 0; end < short.byteLength; end += 1) assert.equal(scanned(short.subarray(0, end)), undefined);
  assert.deepEqual(scanned(Buffer.from('{"packs":[]}\n')), []);
});

test('a file of another form lists the same, and one that makes no sense nothing', () => {
  fc.assert(
    fc.property(fc.array(blobs, { maxLength: 5 }), (packs) => {
      const plain = encodeIndex(packs.map((list) => ({ id: randomBytes(32), header: encodeHeader(list) })));
      const odd = Buffer.from(JSON.stringify(JSON.parse(plain.toString()), undefined, 1));
      assert.equal(listing.scan(odd), false);
      listing.read(odd, 'index');
      assert.deepEqual(listedPacks(listing), decoded(plain));
    }),
    { numRuns: 20 },
  );
  assert.throws(() => listing.read(Buffer.from('{"packs":1}'), 'index'), { code: 'repository.damaged' });
  assert.equal(listing.blobCount, 0);
});

test('what restic writes is scanned', { skip: skipUnless({ programs: ['restic'] }) }, async (t) => {
  const { target } = await sampleRepository();
  const folder = join(temporaryFolder(t), 'repo');
  target.writeTo(folder);
  const before = new Set(target.ids('index'));
  restic(folder, 'backup', import.meta.dirname);
  const written = MemoryTarget.fromFolder(folder);
  const repository = await openRepository(written, { password: samplePassword });
  const added = written.ids('index').filter((id) => !before.has(id));
  assert.ok(added.length > 0);
  for (const id of added) {
    const bytes = written.objects.get(`index:${id}`) ?? new Uint8Array();
    const plain = decodeFile(repository.cipher, bytes, { id: objectIdOf(Buffer.from(id, 'hex')), what: 'index' });
    assert.deepEqual(scanned(plain), decoded(plain));
  }
});
