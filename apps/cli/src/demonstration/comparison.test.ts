import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { writeXattr } from '@holdfast/native';
import { type ComparisonReport, compareFolders } from './comparison.ts';

/** The copies are made by cp, so that nothing of ours is on both sides. */
const skip = process.platform === 'linux' ? false : 'needs Linux (cp -a keeps every attribute there)';

function makeSource(folder: string): string {
  const source = join(folder, 'source');
  mkdirSync(join(source, 'empty'), { recursive: true });
  mkdirSync(join(source, 'deep', 'er'), { recursive: true });
  writeFileSync(join(source, 'file'), 'some content');
  writeFileSync(join(source, 'deep', 'er', 'big'), Buffer.alloc(3_000_000, 7));
  writeFileSync(
    Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0x66, 0xff, 0xfe])]),
    'a name that is not UTF-8',
  );
  linkSync(join(source, 'file'), join(source, 'deep', 'second-name'));
  symlinkSync('file', join(source, 'link'));
  writeXattr(Buffer.from(join(source, 'file')), Buffer.from('user.colour'), Buffer.from('blue'));
  execFileSync('cp', ['-a', source, join(folder, 'copy')]);
  return source;
}

async function compareAfter(folder: string, change: (copy: string) => void): Promise<ComparisonReport> {
  const source = makeSource(folder);
  const restored = join(folder, 'copy');
  change(restored);
  return compareFolders({ source, restored, leftOut: new Set(), since: new Date(Date.now() + 1000) });
}

suite('comparison', { skip }, () => {
  test('finds nothing between a folder and its copy, and counts everything', async (t) => {
    const report = await compareAfter(temporaryFolder(t), () => {});
    assert.deepEqual(report.differences, []);
    assert.deepEqual(
      { files: report.files, directories: report.directories, others: report.others },
      { files: 4, directories: 4, others: 1 },
    );
    assert.equal(report.bytes, 12 + 12 + 3_000_000 + 'a name that is not UTF-8'.length);
  });

  const changes: Readonly<Record<string, (copy: string) => void>> = {
    content: (copy) => {
      const file = join(copy, 'deep', 'er', 'big');
      const bytes = Buffer.alloc(3_000_000, 7);
      bytes[2_500_000] = 8;
      writeFileSync(file, bytes);
    },
    size: (copy) => appendFileSync(join(copy, 'file'), 'x'),
    mode: (copy) => chmodSync(join(copy, 'file'), 0o4711),
    mtime: (copy) => utimesSync(join(copy, 'empty'), 1, 1),
    missing: (copy) => rmSync(join(copy, 'link')),
    extra: (copy) => writeFileSync(join(copy, 'empty', 'more'), ''),
    type: (copy) => {
      rmSync(join(copy, 'empty'), { recursive: true });
      writeFileSync(join(copy, 'empty'), '');
    },
    'link target': (copy) => {
      rmSync(join(copy, 'link'));
      symlinkSync('elsewhere', join(copy, 'link'));
    },
    'hard link': (copy) => {
      rmSync(join(copy, 'deep', 'second-name'));
      execFileSync('cp', ['-p', join(copy, 'file'), join(copy, 'deep', 'second-name')]);
    },
    'attribute user.colour': (copy) =>
      writeXattr(Buffer.from(join(copy, 'file')), Buffer.from('user.colour'), Buffer.from('red')),
  };
  for (const [what, change] of Object.entries(changes)) {
    test(`finds a difference: ${what}`, async (t) => {
      const report = await compareAfter(temporaryFolder(t), change);
      assert.ok(
        report.differences.some((difference) => difference.what === what),
        JSON.stringify(report.differences),
      );
    });
  }

  test('an entry that changed since the backup began is counted apart', async (t) => {
    const folder = temporaryFolder(t);
    const source = makeSource(folder);
    truncateSync(join(folder, 'copy', 'file'), 3);
    const report = await compareFolders({
      source,
      restored: join(folder, 'copy'),
      leftOut: new Set(),
      since: new Date(0),
    });
    assert.equal(report.differenceCount, 0);
    assert.ok(report.changedSince.includes(join(source, 'file')));
  });

  test('what was left out of the backup is not missed', async (t) => {
    const folder = temporaryFolder(t);
    const source = makeSource(folder);
    rmSync(join(folder, 'copy', 'deep', 'er'), { recursive: true });
    utimesSync(join(folder, 'copy', 'deep'), 1, 1);
    const leftOut = new Set([join(source, 'deep', 'er')]);
    const report = await compareFolders({
      source,
      restored: join(folder, 'copy'),
      leftOut,
      since: new Date(Date.now() + 1000),
    });
    assert.deepEqual(
      report.differences.map((difference) => difference.what),
      ['mtime'],
    );
  });
});
