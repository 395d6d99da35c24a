import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HoldfastError, systemClock } from '@holdfast/core';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { type BundleFile, writeBundle } from './bundle.ts';
import { bundleLimits } from './limits.ts';

interface Manifest {
  readonly files: readonly {
    readonly file: string;
    readonly bytes: number;
    readonly sha256: string;
    readonly linesLeftOut?: number;
    readonly failed?: { readonly code: string; readonly message: string };
  }[];
  readonly leftOut: readonly { readonly what: string; readonly why: string }[];
}

/** As whoever gets a bundle unpacks it. */
async function unpacked(t: TestContext, files: Iterable<BundleFile>) {
  const folder = temporaryFolder(t);
  const pieces: Uint8Array[] = [];
  const { signal } = new AbortController();
  const sink = async (piece: Uint8Array): Promise<void> => void pieces.push(piece);
  const secrets = ['a secret of five words'];
  await writeBundle({
    of: ['server'],
    files,
    leftOut: [{ what: 'keys', why: 'secrets' }],
    secrets,
    clock: systemClock,
    sink,
    signal,
  });
  writeFileSync(join(folder, 'bundle.tar.gz'), Buffer.concat(pieces));
  mkdirSync(join(folder, 'out'));
  execFileSync('tar', ['-xzf', join(folder, 'bundle.tar.gz'), '-C', join(folder, 'out')]);
  const read = (file: string): string => readFileSync(join(folder, 'out', file), 'utf8');
  return {
    read,
    manifest: JSON.parse(read('manifest.json')) as Manifest,
    mode: (file: string) => statSync(join(folder, 'out', file)).mode & 0o777,
  };
}

const programs = skipUnless({ programs: ['tar'] });

test('a bundle names its files, is without secrets, and comes about though some of it cannot be had', {
  skip: programs,
}, async (t) => {
  const { read, manifest, mode } = await unpacked(t, [
    {
      file: 'part/status.json',
      what: 'x',
      content: () => ({ json: { at: new Date(0), said: 'a secret of five words', hfs_0123456789abcdefXY: 1 } }),
    },
    {
      file: 'broken.json',
      what: 'x',
      content: () => Promise.reject(new HoldfastError('database.unavailable', { message: 'password=hunter2' })),
    },
    { file: 'log.jsonl', what: 'x', content: () => ({ lines: [{ msg: 'one' }, { msg: 'Bearer abcdefghijkl' }] }) },
    { file: 'metrics.txt', what: 'x', content: () => ({ text: 'up 1\n' }) },
  ]);
  assert.deepEqual(JSON.parse(read('part/status.json')), {
    at: new Date(0).toISOString(),
    said: '[secret]',
    '[secret]': 1,
  });
  assert.equal(read('log.jsonl'), '{"msg":"one"}\n{"msg":"Bearer [secret]"}\n');
  assert.equal(read('metrics.txt'), 'up 1\n');
  assert.equal(mode('metrics.txt'), 0o600);
  assert.deepEqual(
    manifest.files.map(({ file }) => file),
    ['part/status.json', 'broken.json', 'log.jsonl', 'metrics.txt'],
  );
  for (const { file, bytes, sha256, failed } of manifest.files) {
    if (failed) continue;
    assert.equal(bytes, Buffer.byteLength(read(file)));
    assert.equal(sha256, createHash('sha256').update(read(file)).digest('hex'));
  }
  assert.deepEqual(manifest.files[1]?.failed, { code: 'database.unavailable', message: 'password=[secret]' });
  assert.deepEqual(manifest.leftOut, [{ what: 'keys', why: 'secrets' }]);
});

test('a bundle is bounded: lines, files, and all of it; what is left out is counted and named', {
  skip: programs,
}, async (t) => {
  const filler = 'y'.repeat(500_000);
  const numbered = function* (count: number) {
    for (let n = 0; n < count; n += 1) yield { n, filler };
  };
  const log = (file: string, keep: 'first' | 'last'): BundleFile => ({
    file,
    what: 'x',
    content: () => ({ lines: numbered(10), keep }),
  });
  const large = Array.from({ length: 9 }, (_, at) => log(`large-${at}`, 'first'));
  const many = Array.from({ length: bundleLimits.maxFiles }, (_, at) => ({
    file: `many-${at}`,
    what: 'x',
    content: () => ({ text: '' }),
  }));
  const { read, manifest } = await unpacked(t, [log('first', 'first'), log('last', 'last'), ...large, ...many]);
  const numbers = (file: string): number[] =>
    read(file)
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { n: number }).n);
  assert.deepEqual(numbers('first'), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(numbers('last'), [2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(
    manifest.files.slice(0, 2).map(({ linesLeftOut }) => linesLeftOut),
    [2, 2],
  );
  assert.ok(manifest.files.reduce((sum, { bytes }) => sum + bytes, 0) <= bundleLimits.maxBytes);
  assert.ok(manifest.files.length <= bundleLimits.maxFiles);
  assert.equal(manifest.files.length + manifest.leftOut.length - 1, 11 + bundleLimits.maxFiles);
});
