import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canBeNamed, pathOf, placeOf } from './restore-request.ts';
import { folderChain, parentOf, shown, startingFolder } from './snapshot-paths.ts';

test('what was chosen lies directly in a folder of its own, and names with signs of patterns mean themselves', () => {
  assert.deepEqual(placeOf({ folder: '/srv/data', names: ['a[1]*.txt', 'b\\c'] }, { folder: '/tmp/back' }), {
    target: '/tmp/back',
    subfolder: '/srv/data',
    include: ['/a\\[1\\]\\*.txt', '/b\\\\c'],
  });
  assert.equal(pathOf('/a\\[1\\]\\*.txt'), '/a[1]*.txt', 'and are shown as they are');
  assert.deepEqual(placeOf({ folder: '/', names: [] }, { folder: '/tmp/back' }), { target: '/tmp/back', include: [] });
});

test('at the original place paths are those of the snapshot', () => {
  const posix = { original: 'posix' } as const;
  assert.deepEqual(placeOf({ folder: '/srv', names: ['a?'] }, posix), { target: '/', include: ['/srv/a\\?'] });
  assert.deepEqual(placeOf({ folder: '/srv', names: [] }, posix), { target: '/', include: ['/srv'] });
  assert.deepEqual(placeOf({ folder: '/', names: [] }, posix), { target: '/', include: [] });
});

test('on Windows the first folder is a drive, and several have no root in common', () => {
  const windows = { original: 'windows' } as const;
  assert.deepEqual(placeOf({ folder: '/C/Users', names: ['ann'] }, windows), {
    target: 'C:\\',
    subfolder: '/C',
    include: ['/Users/ann'],
  });
  assert.deepEqual(placeOf({ folder: '/', names: ['D'] }, windows), { target: 'D:\\', subfolder: '/D', include: [] });
  assert.equal(placeOf({ folder: '/', names: ['C', 'D'] }, windows), undefined);
  assert.equal(placeOf({ folder: '/', names: [] }, windows), undefined);
});

test('paths of snapshots', () => {
  assert.equal(parentOf('/a'), '/');
  assert.equal(parentOf('/a/b'), '/a');
  assert.deepEqual(folderChain('/a/b'), [
    { name: 'a', path: '/a' },
    { name: 'b', path: '/a/b' },
  ]);
  assert.equal(startingFolder(['/srv/data']), '/srv');
  assert.equal(startingFolder(['/srv/data/a', '/srv/data/b']), '/srv/data');
  assert.equal(startingFolder(['/a', '/b']), '/');
  assert.equal(startingFolder(['C:\\Users']), '/');
  assert.ok(!canBeNamed('caf\uFFFD'));
});

test('a name shows what would hide a part of it, or turn it around', () => {
  assert.equal(shown('/a/photo\u202Egpj.exe\n'), String.raw`/a/photo\u{202e}gpj.exe\u{a}`);
  const persian = '/\u0645\u06CC\u200C\u0631\u0648\u0645';
  assert.equal(shown(persian), persian);
});
