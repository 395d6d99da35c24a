import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { program, programs, requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { checkRepository } from './check/index.ts';
import {
  blobId,
  encodeTree,
  formatTime,
  goFileMode,
  initRepository,
  type Node,
  objectIdOf,
  openBlob,
  openRepository,
  planPackReads,
} from './index.ts';
import { MemoryTarget } from './testing/memory-target.ts';
import { cheapKey, samplePassword, sampleRepository } from './testing/sample-repository.ts';

const skip = skipUnless({ programs: ['restic'] });

function run(program: string, folder: string, ...args: string[]): string {
  const answer = spawnSync(program, ['--no-cache', '-r', folder, ...args], {
    encoding: 'utf8',
    env: { ...process.env, RESTIC_PASSWORD: samplePassword, TZ: 'UTC', RESTIC_FEATURES: features },
    timeout: 400_000,
  });
  assert.equal(answer.status, 0, `restic ${args.join(' ')}: ${answer.stdout}${answer.stderr}`);
  return answer.stdout;
}

/** Device numbers only where they mean something: as we store them. Old versions ignore this. */
const features = 'device-id-for-hardlinks=true';

/** Names that Go and JavaScript could write differently. */
const oddNames = [
  Buffer.from('plain'),
  Buffer.from('quote"back\\slash'),
  Buffer.from('tab\tnewline\nbell\x07vt\x0besc\x1bdel\x7f'),
  Buffer.from('<html>&amp;'),
  Buffer.from('\u2028\u2029\u00ad\u00a0\ufeff\ufffd\u200b'),
  Buffer.from('ümläut 漢字 \u{1f600} e\u0301'),
  Buffer.from('\u{e0001}\u{f0000}'),
  Buffer.from([0x66, 0xff, 0xfe, 0x80, 0xc3, 0x28, 0xe2, 0x82]),
  Buffer.from([0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80, 0xc0, 0x80]),
  Buffer.from('\u{1f600} before or after'),
  Buffer.from('\uffff after or before'),
];

for (const { path: restic, version } of programs('restic')) {
  test(`restic ${version} checks and restores our repository`, async (t) => {
    const { target, files } = await sampleRepository();
    const folder = join(temporaryFolder(t), 'repo');
    const restored = temporaryFolder(t);
    target.writeTo(folder);
    assert.match(run(restic, folder, 'check', '--read-data'), /no errors were found/);
    run(restic, folder, 'restore', 'latest', '--target', restored);
    for (const [name, bytes] of files) assert.deepEqual(readFileSync(join(restored, 'top', name)), bytes);
    assert.equal(readlinkSync(join(restored, 'top', 'zfolder', 'link')), '../text');
    // And goes on with it: a second snapshot of its own, which it then prunes.
    run(restic, folder, 'backup', restored);
    run(restic, folder, 'forget', '--keep-last', '1', '--group-by', '', '--prune');
    run(restic, folder, 'check', '--read-data');
    assert.equal((await openAndCheck(folder)).errors, 0);
  });

  test(`what restic ${version} wrote is read, checked and encoded again to the same bytes`, async (t) => {
    const source = temporaryFolder(t);
    const folder = join(temporaryFolder(t), 'repo');
    for (const name of oddNames) writeFileSync(Buffer.concat([Buffer.from(`${source}/`), name]), name);
    mkdirSync(join(source, 'sub'));
    // Before 0.16 restic lost what is not UTF-8 in a link's target.
    if (!/^0\.1[0-5]\./.test(version))
      symlinkSync(Buffer.from([0x61, 0xff, 0xfe, 0xe2, 0x82, 0x3c]), join(source, 'sub', 'broken'));
    symlinkSync('<&>\u2028', join(source, 'sub', 'html'));
    linkSync(join(source, 'plain'), join(source, 'sub', 'hard'));
    writeFileSync(join(source, 'sub', 'big'), Buffer.alloc(3_000_000, 'compressible '));
    await makeRepository(folder, restic === program('restic')?.path ? restic : undefined);
    run(restic, folder, 'backup', source);
    run(restic, folder, 'backup', '--tag', 'x,y', source);

    const target = MemoryTarget.fromFolder(folder);
    const repository = await openRepository(target, { password: samplePassword });
    const index = await repository.loadIndex();
    const reads = [];
    for (let entry = 0; entry < index.blobCount; entry += 1) {
      const location = index.location(entry);
      assert.ok(location);
      reads.push({ ...index.blobAt(entry), ...location });
    }
    let trees = 0;
    for (const read of planPackReads(reads)) {
      const bytes = await target.read({ type: 'data', id: read.packId }, read);
      for (const blob of read.blobs) {
        const at = blob.offset - read.offset;
        const plain = openBlob(repository.cipher, bytes.subarray(at, at + blob.length), blob);
        if (blob.type !== 'tree') continue;
        trees += 1;
        assert.equal(encodeTree(await repository.loadTree(blob.id)).toString(), plain.toString());
      }
    }
    assert.ok(trees >= 3);
    const report = await checkRepository(repository, { readData: 'packs' });
    assert.deepEqual(report.problems, []);
    assert.equal(report.snapshots, 2);
    assert.equal(report.unusedBlobs, 0);
    assert.equal((await repository.loadSnapshot('latest')).snapshot.tags?.join(), 'x,y');
  });
}

test('restic respects our lock, reads it, and does not take it for abandoned', { skip }, async (t) => {
  const newest = requireProgram('restic');
  const { target, repository } = await sampleRepository();
  const folder = join(temporaryFolder(t), 'repo');
  await using lock = await repository.lock({ exclusive: true });
  target.writeTo(folder);
  const refused = spawnSync(newest.path, ['--no-cache', '-r', folder, 'check'], {
    encoding: 'utf8',
    env: { ...process.env, RESTIC_PASSWORD: samplePassword },
  });
  assert.equal(refused.status, 11, refused.stderr);
  assert.match(refused.stderr, new RegExp(`locked exclusively by PID ${process.pid} `));
  // It asks us with a SIGHUP whether we live.
  run(newest.path, folder, 'unlock');
  assert.deepEqual(readdirSync(join(folder, 'locks')), [lock.id]);
});

test('a folder gets the tree id that restic gives it', { skip }, async (t) => {
  const newest = requireProgram('restic');
  const source = temporaryFolder(t);
  const folder = join(temporaryFolder(t), 'repo');
  for (const name of oddNames) writeFileSync(Buffer.concat([Buffer.from(`${source}/`), name]), name);
  symlinkSync('<&>\u2028', join(source, 'html'));
  symlinkSync(Buffer.from([0x61, 0xff, 0xfe, 0xe2, 0x82, 0x3c]), join(source, 'raw'));
  await makeRepository(folder);
  run(newest.path, folder, 'backup', source);
  const repository = await openRepository(MemoryTarget.fromFolder(folder), { password: samplePassword });
  await repository.loadIndex();
  const { snapshot } = await repository.loadSnapshot('latest');
  let tree = await repository.loadTree(snapshot.tree);
  let subtree = snapshot.tree;
  for (let node = tree[0]; node?.type === 'dir'; node = tree[0]) {
    assert.ok(node.subtree);
    subtree = node.subtree;
    tree = await repository.loadTree(subtree);
  }
  const [{ user, group } = {}] = tree;
  const nodes = readdirSync(Buffer.from(source), { encoding: 'buffer' })
    .sort((a, b) => Buffer.compare(a, b))
    .map((name): Node => {
      const path = Buffer.concat([Buffer.from(`${source}/`), name]);
      const stat = lstatSync(path, { bigint: true });
      const link = stat.isSymbolicLink();
      return {
        name,
        type: link ? 'symlink' : 'file',
        mode: goFileMode(Number(stat.mode)),
        mtime: formatTime(stat.mtimeNs),
        atime: formatTime(stat.mtimeNs),
        ctime: formatTime(stat.ctimeNs),
        uid: Number(stat.uid),
        gid: Number(stat.gid),
        user,
        group,
        inode: stat.ino,
        deviceId: stat.nlink > 1n ? stat.dev : undefined,
        size: link ? undefined : stat.size,
        links: stat.nlink,
        linkTarget: link ? readlinkSync(path, { encoding: 'buffer' }) : undefined,
        content: link ? null : [objectIdOf(blobId(readFileSync(path)))],
      };
    });
  const encoded = encodeTree(nodes);
  assert.equal(encoded.toString(), encodeTree(tree).toString());
  assert.equal(objectIdOf(blobId(encoded)), subtree);
});

/** By restic once, for its configuration and its key; elsewhere ours, whose cheap key saves seconds with each command. */
async function makeRepository(folder: string, restic?: string): Promise<void> {
  if (restic !== undefined) {
    run(restic, folder, 'init');
    return;
  }
  const target = new MemoryTarget();
  await initRepository(target, { password: samplePassword, keyOptions: cheapKey });
  target.writeTo(folder);
}

async function openAndCheck(folder: string) {
  const repository = await openRepository(MemoryTarget.fromFolder(folder), { password: samplePassword });
  return checkRepository(repository, { readData: 'packs' });
}
