import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { temporaryFolder } from '@holdfast/core/testing';
import { makeDataSet } from './data-set.ts';
import { filesBelow, sizeOfFolder } from './page-cache.ts';
import { makeText } from './text.ts';

const sizes = { bigBytes: 3_000_001, smallFiles: 1_200 };

function fingerprint(folder: string): string {
  const hash = createHash('sha256');
  for (const path of filesBelow(folder).toSorted())
    hash
      .update(relative(folder, path))
      .update(readFileSync(path))
      .update(String(statSync(path).mtimeMs));
  return hash.digest('hex');
}

test('the same data everywhere and every time', (t) => {
  const made = [temporaryFolder(t), temporaryFolder(t)].map((parent) =>
    (['big-random', 'small-files'] as const).map((name) => fingerprint(makeDataSet(name, sizes, parent).folder)),
  );
  assert.deepEqual(made[0], made[1]);
  // Results of different machines and months are about the same bytes: a change needs a new generation number.
  assert.deepEqual(made[0], [
    '953cd85f14c095c3c3189454cb8cb7d9919322e2e4cca4900cf864668950c876',
    '995e118839fa21842206921791a1c5c485b1257aaa26cababbcb1dbdb2e5302b',
  ]);
});

test('big-random has its size and cannot be compressed', (t) => {
  const { folder, files, bytes } = makeDataSet('big-random', sizes, temporaryFolder(t));
  const content = readFileSync(join(folder, 'big.bin'));
  assert.deepEqual([files, bytes, content.length], [1, sizes.bigBytes, sizes.bigBytes]);
  assert.ok(zstdCompressSync(content).length >= content.length);
});

test('small-files are many, mostly small, some equal, some empty, partly compressible', (t) => {
  const { folder, files, bytes } = makeDataSet('small-files', sizes, temporaryFolder(t));
  const contents = filesBelow(folder).map((path) => readFileSync(path));
  const lengths = contents.map((content) => content.length).toSorted((a, b) => a - b);
  assert.equal(files, sizes.smallFiles);
  assert.equal(contents.length, sizes.smallFiles);
  assert.equal(sizeOfFolder(folder), bytes);
  assert.ok((lengths[600] ?? 0) < 6_000, `the median is ${lengths[600]}`);
  assert.ok((lengths.at(-1) ?? 0) > 60_000 && (lengths.at(-1) ?? 0) <= 65_536);
  assert.ok(lengths[5] === 0 && (lengths[100] ?? 0) > 0);
  const different = new Set(contents.map((content) => content.toString('latin1'))).size;
  assert.ok(different < 0.95 * files && different > 0.8 * files, `${different} different ones`);
  const compressed = contents.reduce((sum, content) => sum + zstdCompressSync(content).length, 0);
  assert.ok(compressed > 0.4 * bytes && compressed < 0.75 * bytes, `compresses to ${compressed / bytes}`);
});

test('text compresses as text does', () => {
  const text = makeText(1_000_000, 'a seed');
  const ratio = zstdCompressSync(text).length / text.length;
  assert.ok(ratio > 0.2 && ratio < 0.45, String(ratio));
  assert.notDeepEqual(makeText(1_000, 'another'), text.subarray(0, 1_000));
});

test('a complete data set is used again, an incomplete one is made anew', (t) => {
  const parent = temporaryFolder(t);
  const first = makeDataSet('big-random', sizes, parent);
  const path = join(first.folder, 'big.bin');
  writeFileSync(path, 'touched');
  assert.deepEqual(makeDataSet('big-random', sizes, parent), first);
  assert.equal(readFileSync(path, 'utf8'), 'touched');
  rmSync(`${first.folder}.json`);
  assert.deepEqual(makeDataSet('big-random', sizes, parent), first);
  assert.equal(statSync(path).size, sizes.bigBytes);
});
