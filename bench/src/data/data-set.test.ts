import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import { temporaryFolder } from '@holdfast/core/testing';
import { type DataSetSizes, makeDataSet } from './data-set.ts';
import { Churn } from './many-files.ts';
import { filesBelow, sizeOfFolder } from './page-cache.ts';
import { chooseSystemFolder } from './system-folder.ts';
import { EndlessText, makeText } from './text.ts';

const sizes: DataSetSizes = {
  bigBytes: 3_000_001,
  textBytes: 3_000_001,
  smallFiles: 1_200,
  tinyFiles: 300,
  mixedBytes: 2_000_000,
  historyFiles: 100,
  historyBackups: 5,
  indexBlobs: 20_000,
};

function fingerprint(folder: string): string {
  const hash = createHash('sha256');
  for (const path of [...filesBelow(folder)].toSorted())
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
  const contents = [...filesBelow(folder)].map((path) => readFileSync(path));
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

test('the text of big-text compresses as servers’ logs do, in chunks as backup programs make them', () => {
  const text = new EndlessText('a seed');
  const pieces = Array.from({ length: 6 }, () => text.next(1024 * 1024));
  const level = (value: number): number =>
    pieces.reduce(
      (sum, piece) =>
        sum + zstdCompressSync(piece, { params: { [constants.ZSTD_c_compressionLevel]: value } }).length / piece.length,
      0,
    ) / pieces.length;
  // Of 2 GiB of text, zstd's level 3 made 974 MB, level 1 1,167 MB.
  assert.ok(level(3) > 0.43 && level(3) < 0.47, `level 3: ${level(3)}`);
  assert.ok(level(1) > level(3) + 0.015, `level 1: ${level(1)}`);
  assert.equal(new Set(pieces.map((piece) => piece.toString('latin1'))).size, pieces.length);
});

test('of the changed text 1 % is new in place and 1,000 bytes are inserted', (t) => {
  const textBytes = 20 * 1024 * 1024;
  const { folder, changed } = makeDataSet('big-text', { ...sizes, textBytes }, temporaryFolder(t));
  const [before, after] = [folder, changed ?? ''].map((one) => readFileSync(join(one, 'text.log')));
  assert.ok(before && after);
  assert.equal(after.length, before.length + 1_000);
  const insertedAt = Math.floor(textBytes / 3);
  let different = 0;
  for (let at = 0; at < before.length; at += 1)
    different += before[at] === after[at < insertedAt ? at : at + 1_000] ? 0 : 1;
  // New text has some letters in the old places.
  assert.ok(different > 0.007 * textBytes && different < 0.0115 * textBytes, `${different} bytes differ`);
  assert.ok(statSync(join(changed ?? '', 'text.log')).mtimeMs > statSync(join(folder, 'text.log')).mtimeMs);
});

test('half of the tiny files are empty', (t) => {
  const { folder, files } = makeDataSet('tiny-files', sizes, temporaryFolder(t));
  const lengths = [...filesBelow(folder)].map((path) => statSync(path).size);
  assert.deepEqual([files, lengths.length], [300, 300]);
  const empty = lengths.filter((length) => length === 0).length;
  assert.ok(empty > 100 && empty < 200, `${empty} are empty`);
  assert.ok(Math.max(...lengths) <= 200);
});

test('a generation of a history is 2 % of new files, the same every time', (t) => {
  const [one, two] = [temporaryFolder(t), temporaryFolder(t)].map(
    (parent) => makeDataSet('history', sizes, parent).folder,
  );
  assert.ok(one && two);
  const before = new Map([...filesBelow(one)].map((path) => [relative(one, path), readFileSync(path)]));
  for (const folder of [one, two]) {
    const churn = new Churn(sizes.historyFiles);
    for (const generation of [2, 3]) churn.apply(folder, generation);
  }
  assert.equal(fingerprint(one), fingerprint(two));
  const changed = [...filesBelow(one)].filter((path) => !before.get(relative(one, path))?.equals(readFileSync(path)));
  assert.ok(changed.length >= 2 && changed.length <= 4, `${changed.length} changed`);
});

test('of a system the largest folder that fits is taken', (t) => {
  const root = temporaryFolder(t);
  for (const [path, size] of [
    ['a/x', 700],
    ['a/b/y', 200],
    ['c/z', 500],
  ] as const) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), Buffer.alloc(size));
  }
  assert.deepEqual(chooseSystemFolder(root, 5_000), { folder: root, files: 3, bytes: 1_400 });
  assert.deepEqual(chooseSystemFolder(root, 1_000), { folder: join(root, 'a'), files: 2, bytes: 900 });
  assert.deepEqual(chooseSystemFolder(root, 600), { folder: join(root, 'c'), files: 1, bytes: 500 });
  assert.throws(() => chooseSystemFolder(root, 100), /no folder below/);
});
