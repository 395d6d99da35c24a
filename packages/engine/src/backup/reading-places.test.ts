import assert from 'node:assert/strict';
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { initRepository, openBlob } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { listTree } from '../list-tree.ts';
import { backup } from './backup.ts';
import { ReadingPlaces } from './reading-places.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

test('the innermost place counts, whole names only, and the rest of the path is kept', () => {
  const places = new ReadingPlaces([
    { path: bytes('/'), readFrom: bytes('/snapshots/root') },
    { path: bytes('/home'), readFrom: bytes('/home/.snapshot') },
    { path: bytes('/home/nested/'), readFrom: bytes('/home/nested') },
  ]);
  const of = (path: string): string => places.of(bytes(path)).toString();
  assert.equal(of('/'), '/snapshots/root');
  assert.equal(of('/etc/passwd'), '/snapshots/root/etc/passwd');
  assert.equal(of('/home'), '/home/.snapshot');
  assert.equal(of('/home/ann/x'), '/home/.snapshot/ann/x');
  assert.equal(of('/homes/x'), '/snapshots/root/homes/x');
  assert.equal(of('/home/nested/deep'), '/home/nested/deep');
  const odd = Buffer.from([0x2f, 0x65, 0x2f, 0xff]);
  assert.deepEqual(
    new ReadingPlaces([{ path: bytes('/e'), readFrom: bytes('/s') }]).of(odd),
    Buffer.from([0x2f, 0x73, 0x2f, 0xff]),
  );
  assert.deepEqual(
    ['/', '/home', '/home/ann', '/etc'].map((path) => places.begin(bytes(path))),
    [true, true, false, false],
  );
  assert.equal(new ReadingPlaces().of(odd), odd);
});

test('what a place holds is stored under the own path, small and large files alike', async (t) => {
  const folder = temporaryFolder(t);
  const source = join(folder, 'source');
  const copy = join(folder, 'elsewhere', 'copy');
  mkdirSync(join(source, 'below'), { recursive: true });
  writeFileSync(join(source, 'below', 'small'), 'before');
  writeFileSync(join(source, 'large'), Buffer.alloc(20_000_000, 'before '));
  cpSync(source, copy, { recursive: true });
  writeFileSync(join(source, 'below', 'small'), 'after!');
  writeFileSync(join(source, 'below', 'new'), 'new');
  rmSync(join(source, 'large'));
  await using target = await openLocalDisk({ path: join(folder, 'repository'), create: true });
  const repository = await initRepository(target, { password: 'x', keyOptions: { cost: { N: 16, r: 8, p: 1 } } });
  const summary = await backup(repository, {
    sources: [source],
    oneFileSystem: true,
    readingPlaces: [{ path: bytes(source), readFrom: bytes(copy) }],
  });
  assert.deepEqual(summary.problems, []);
  await repository.loadIndex();
  const found = new Map<string, string>();
  for await (const { path, node } of listTree(repository, {
    snapshotId: summary.snapshotId,
    path: source,
    recursive: true,
  })) {
    if (node.type !== 'file') continue;
    const [first] = node.content ?? [];
    assert.ok(first);
    const location = repository.index.lookup(first, 'data');
    assert.ok(location);
    const { packId, offset, length } = location;
    const sealed = await target.read({ type: 'data', id: packId }, { offset, length });
    const plain = openBlob(repository.cipher, sealed, { id: first, ...location });
    found.set(path.toString().slice(source.length), plain.subarray(0, 6).toString());
  }
  assert.deepEqual(Object.fromEntries(found), { '/below/small': 'before', '/large': 'before' });
});

test('sources behind a link are found, whether folders, small files or large ones', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'real', 'data'), { recursive: true });
  writeFileSync(join(folder, 'real', 'data', 'inside'), 'inside');
  writeFileSync(join(folder, 'real', 'small'), 'small');
  writeFileSync(join(folder, 'real', 'large'), Buffer.alloc(20_000_000, 'large '));
  symlinkSync('real', join(folder, 'link'));
  await using target = await openLocalDisk({ path: join(folder, 'repository'), create: true });
  const repository = await initRepository(target, { password: 'x', keyOptions: { cost: { N: 16, r: 8, p: 1 } } });
  const sources = ['data', 'small', 'large'].map((name) => join(folder, 'link', name));
  const { snapshotId, problems } = await backup(repository, { sources });
  assert.deepEqual(problems, []);
  const found: string[] = [];
  for await (const { path } of listTree(repository, { snapshotId, path: join(folder, 'link'), recursive: true }))
    found.push(path.toString().slice(folder.length));
  assert.deepEqual(found.sort(), ['/link/data', '/link/data/inside', '/link/large', '/link/small']);
});
