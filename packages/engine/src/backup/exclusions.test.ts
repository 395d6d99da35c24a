import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasCode } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { FolderHandle } from '../folder-handle.ts';
import { cacheMark, type ExclusionOptions, Exclusions } from './exclusions.ts';

function stays(
  folder: string,
  excludeIfPresent: ExclusionOptions['excludeIfPresent'],
  names: string[],
): readonly string[] {
  using handle = FolderHandle.open(Buffer.from(folder));
  return new Exclusions({ excludeIfPresent }).namesThatStay(handle, names);
}

test('a mark leaves out all but itself, if its file begins as it must', (t) => {
  const folder = temporaryFolder(t);
  const names = ['CACHEDIR.TAG', '.nobackup', 'file'];
  const nobackup = { name: '.nobackup', header: '' };
  assert.deepEqual(stays(folder, [cacheMark, nobackup], names), names);
  writeFileSync(join(folder, 'CACHEDIR.TAG'), cacheMark.header.slice(0, -1));
  assert.deepEqual(stays(folder, [cacheMark, nobackup], names), names, 'too short');
  writeFileSync(join(folder, 'CACHEDIR.TAG'), ` ${cacheMark.header}`);
  assert.deepEqual(stays(folder, [cacheMark], names), names, 'later in the file');
  writeFileSync(join(folder, 'CACHEDIR.TAG'), `${cacheMark.header}\n# comment`);
  assert.deepEqual(stays(folder, [cacheMark], names), ['CACHEDIR.TAG']);
  assert.deepEqual(stays(folder, [nobackup], names), names);
  symlinkSync('nowhere', join(folder, '.nobackup'));
  assert.deepEqual(stays(folder, [nobackup], names), ['.nobackup'], 'a link is there as well');
  assert.deepEqual(stays(folder, [{ ...nobackup, header: 'x' }], names), names, 'but it does not begin with anything');
  assert.deepEqual(stays(folder, [nobackup, cacheMark], names), [], 'each leaves out the other');
});

test('a folder may be a mark, and names need not be ASCII', (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'ñ'));
  const name = Buffer.from('ñ').toString('latin1');
  assert.deepEqual(stays(folder, [{ name: 'ñ', header: '' }], [name, 'x']), [name]);
  assert.deepEqual(stays(folder, [{ name: 'ñ', header: 'x' }], [name, 'x']), [name, 'x']);
});

test('patterns without regard to case, beside those with it', () => {
  const exclusions = new Exclusions({ excludes: ['Exact'], excludesAnyCase: ['*.TMP', 'Über'] });
  assert.equal(exclusions.anyPath, false);
  assert.equal(new Exclusions({}).anyPath, true);
  for (const [path, expected] of [
    ['a/Exact', true],
    ['a/exact', false],
    ['a/x.tmp', true],
    ['a/x.TmP/below', true],
    ['üBER', true],
    ['x', false],
  ] as const)
    assert.equal(exclusions.leavesOut(path.split('/')), expected, path);
});

test('a name that is none is refused', () => {
  for (const name of ['', '.', '..', 'a/b', 'a\0'])
    assert.throws(
      () => new Exclusions({ excludeIfPresent: [{ name, header: '' }] }),
      (error) => hasCode(error, 'usage.option'),
    );
});
