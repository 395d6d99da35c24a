import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { isHoldfastError } from '@holdfast/core';
import { requireProgram, skipUnless } from '@holdfast/core/testing';
import { type Node, openRepository, type Repository } from '@holdfast/repository';
import { openLocalDisk, type Target } from '@holdfast/storage';
import fc from 'fast-check';
import { backup } from '../backup/index.ts';
import { findFolder, findNode } from '../index.ts';
import { makeNastyTree, makeRootsTree, noise } from '../testing/nasty-tree.ts';
import { testPassword, testRepository } from '../testing/test-repository.ts';
import { describeTree } from '../testing/tree-walk.ts';
import { aclText } from './acl-text.ts';
import { dumpLimits } from './dump-limits.ts';
import { dumpFile, dumpFolder } from './index.ts';
import { paxRecord, tarHeader } from './tar-header.ts';
import { centralRecord, endRecords, zipEntry } from './zip-records.ts';

const isRoot = process.getuid?.() === 0;

describe('dump', { skip: skipUnless({ platform: 'linux' }) }, () => {
  const removals: (() => void)[] = [];
  let folder = '';
  let source = '';
  let repositoryFolder = '';
  let repository: Repository;
  let root: Awaited<ReturnType<typeof findFolder>>;
  const storage = { bytes: 0 };

  before(async () => {
    const made = await testRepository({ after: (remove: () => void) => removals.push(remove) }, openLocalDisk);
    ({ folder, repositoryFolder } = made);
    source = join(folder, 'source');
    makeNastyTree(source);
    if (isRoot) makeRootsTree(source);
    fs.mkdirSync(join(source, `deep${'/long name '.repeat(20)}`), { recursive: true });
    fs.writeFileSync(join(source, `deep${'/long name '.repeat(20)}/${'x'.repeat(120)}`), 'far down');
    fs.symlinkSync('y'.repeat(300), join(source, 'link far away'));
    fs.writeFileSync(join(source, 'very large'), noise(40_000_000, 3));
    await backup(made.repository, { sources: [source] });
    repository = await openRepository(counting(made.target, storage), { masterKey: made.repository.masterKey });
    await repository.loadIndex();
    const { snapshot } = await repository.loadSnapshot('latest');
    root = await findFolder(repository, { tree: snapshot.tree, path: source });
  });
  after(() => {
    for (const remove of removals) remove();
  });

  async function archive(format: 'tar' | 'zip'): Promise<string> {
    const path = join(folder, `archive.${format}`);
    const file = fs.openSync(path, 'w');
    const sink = async (bytes: Uint8Array): Promise<void> => {
      fs.writeSync(file, bytes);
    };
    await dumpFolder(repository, { tree: root, path: Buffer.from('/'), format, sink });
    fs.closeSync(file);
    return path;
  }

  function unpack(...command: readonly [string, ...string[]]): string {
    const [program, ...args] = command;
    const answer = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' } });
    assert.equal(answer.status, 0, `${command.join(' ')}: ${answer.stderr}`);
    return answer.stdout;
  }

  /** Hard links are files of their own in an archive; the root's own facts are not in it. */
  const comparable = (tree: string): string[] =>
    describeTree(tree, { withoutSockets: true })
      .slice(1)
      .map((line) => line.replace(/ \| same file as [^|]*(?= \||$)/, ''));

  it('tar restores everything from the archive', { skip: skipUnless({ programs: ['tar'], root: true }) }, async () => {
    const target = join(folder, 'from tar');
    fs.mkdirSync(target);
    unpack(
      'tar',
      '-xpf',
      await archive('tar'),
      '-C',
      target,
      '--acls',
      '--xattrs',
      '--xattrs-include=*',
      '--numeric-owner',
    );
    assert.deepEqual(comparable(target), comparable(source));
  });

  it('restic dumps the same', { skip: skipUnless({ programs: ['restic', 'tar'], root: true }) }, async () => {
    const theirs = join(folder, 'restic.tar');
    const args = ['--no-cache', '-r', repositoryFolder, 'dump', '--target', theirs, `latest:${source}`, '/'];
    const answer = spawnSync(requireProgram('restic').path, args, {
      encoding: 'utf8',
      env: { ...process.env, RESTIC_PASSWORD: testPassword },
    });
    assert.equal(answer.status, 0, answer.stderr);
    const listing = (path: string): string[] =>
      unpack('tar', '--numeric-owner', '--full-time', '--utc', '-tvf', path)
        .split('\n')
        // restic knows whole seconds only, rounded; and takes devices and fifos of the top folder for files.
        .map((line) =>
          line
            .replace(/(\d\d:\d\d):\d\d(\.\d+)?/, '$1')
            .replace(/^[pcbh-]/, '-')
            .replace(/ +/g, ' '),
        )
        .filter((line) => !line.endsWith(' socket'))
        .map((line) => line.replace(/ (\d+,\d+|0) (?=\d{4}-)/, ' - '))
        .sort();
    assert.deepEqual(listing(await archive('tar')), listing(theirs));
  });

  it('unzip restores files, folders and links', { skip: skipUnless({ programs: ['python3'] }) }, async () => {
    const path = await archive('zip');
    const script = `import zipfile, sys, hashlib
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
for i in z.infolist():
    print('%o|%s|%d|%s' % (i.external_attr >> 16, i.filename.encode('utf8', 'surrogateescape').hex() if i.flag_bits & 0x800 else i.filename.encode('cp437').hex(), i.file_size, hashlib.sha256(z.read(i)).hexdigest()))`;
    const found = unpack('python3', '-c', script, path).trim().split('\n').sort();
    const expected: string[] = [];
    const walk = (at: Buffer, name: Buffer): void => {
      for (const child of fs.readdirSync(at, { encoding: 'buffer' })) {
        const childPath = Buffer.concat([at, Buffer.from('/'), child]);
        const stat = fs.lstatSync(childPath);
        const shown = Buffer.concat([name, child, Buffer.from(stat.isDirectory() ? '/' : '')]);
        if (!stat.isFile() && !stat.isDirectory() && !stat.isSymbolicLink()) continue;
        const content = stat.isFile()
          ? fs.readFileSync(childPath)
          : stat.isSymbolicLink()
            ? fs.readlinkSync(childPath, { encoding: 'buffer' })
            : Buffer.alloc(0);
        const digest = hash('sha256', content);
        expected.push(`${stat.mode.toString(8)}|${shown.toString('hex')}|${content.length}|${digest}`);
        if (stat.isDirectory()) walk(childPath, shown);
      }
    };
    walk(Buffer.from(source), Buffer.alloc(0));
    assert.deepEqual(found, expected.sort());
  });

  it('a reader that is slow holds up the reading: memory is bounded', async () => {
    const entry = await findNode(repository, { tree: root, path: '/very large' });
    assert.ok(entry);
    const before = storage.bytes;
    const { promise, resolve } = Promise.withResolvers<void>();
    let bytes = 0;
    const dumping = dumpFile(repository, {
      node: entry.node,
      sink: async (piece) => {
        bytes += piece.length;
        await promise;
      },
    });
    for (let turn = 0; turn < 200; turn += 1) await setImmediate();
    // A batch may be larger by one blob and a few gaps.
    const most = dumpLimits.batchesInFlight * dumpLimits.batchBytes * 1.25;
    assert.ok(storage.bytes - before <= most, `${storage.bytes - before} bytes`);
    resolve();
    await dumping;
    assert.equal(bytes, 40_000_000);
    assert.ok(storage.bytes - before > most);
  });

  it('an abort ends it, and so does a sink that fails', async () => {
    const entry = await findNode(repository, { tree: root, path: '/very large' });
    assert.ok(entry);
    const abort = new AbortController();
    const sink = async (): Promise<void> => abort.abort(new Error('enough'));
    await assert.rejects(dumpFile(repository, { node: entry.node, sink, signal: abort.signal }), /enough/);
    const failing = async (): Promise<void> => Promise.reject(new Error('full'));
    for (const format of ['tar', 'zip'] as const)
      await assert.rejects(
        dumpFolder(repository, { tree: root, path: Buffer.from('/'), format, sink: failing }),
        /full/,
      );
  });

  it('a file whose data is missing fails by name', async () => {
    const entry = await findNode(repository, { tree: root, path: '/plain' });
    assert.ok(entry?.node.content?.[0]);
    const node = { ...entry.node, content: [root] };
    await assert.rejects(
      dumpFile(repository, { node, sink: async () => {} }),
      (error) => isHoldfastError(error) && error.code === 'repository.damaged',
    );
  });
});

describe('records of archives', () => {
  const node: Node = {
    ...{ name: Buffer.from('n'), type: 'file' as const, mode: 0o644, uid: 3_000_000, gid: 5, content: [] },
    ...{ mtime: '1969-12-31T23:59:59.5Z', atime: '2200-01-01T00:00:00.000000001Z', ctime: '2026-01-01T00:00:00Z' },
  };

  it('a pax record counts its own length', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z.]{1,30}$/), fc.uint8Array({ maxLength: 12_000 }), (key, value) => {
        const record = paxRecord(key, Buffer.from(value));
        assert.equal(Number(record.subarray(0, record.indexOf(0x20)).toString()), record.length);
        assert.ok(record.subarray(record.indexOf(0x3d) + 1, -1).equals(value));
      }),
      { seed: 20_261_121, numRuns: 300 },
    );
  });

  it('what does not fit the old header stands in records', () => {
    const text = tarHeader({ path: Buffer.from('ü'.repeat(80)), node }, 9 * 1024 ** 3).toString();
    for (const record of [
      'size=9663676416',
      'uid=3000000',
      'mtime=-0.5',
      'atime=7258118400.000000001',
      `path=${'ü'.repeat(80)}`,
    ])
      assert.ok(text.includes(` ${record}\n`), record);
  });

  it('ACLs become text, and what is none does not', () => {
    const acl = Buffer.from(
      '0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff',
      'hex',
    );
    assert.equal(aclText(acl), 'user::rw-\nuser:1000:r--\ngroup::r--\nmask::r--\nother::---\n');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) =>
        assert.match(aclText(bytes) ?? '', /^([a-z]+:\d*:[rwx-]{3}\n)*$/),
      ),
      { seed: 20_261_121, numRuns: 500 },
    );
  });

  it('zip records of more than 4 GiB and more than 65,535 entries', () => {
    const far = 5 * 1024 ** 3;
    const entry = zipEntry({ path: Buffer.from('n'), node }, { sizeBytes: far, offset: far });
    const central = centralRecord(entry, { crc: 1, packedBytes: far + 1, plainBytes: far });
    assert.deepEqual(
      [20, 24, 42].map((at) => central.readUInt32LE(at)),
      [0xffffffff, 0xffffffff, 0xffffffff],
    );
    const wide = 46 + 1;
    assert.deepEqual([central.readUInt16LE(wide), central.readUInt16LE(wide + 2)], [1, 24]);
    assert.deepEqual(
      [4, 12, 20].map((at) => Number(central.readBigUInt64LE(wide + at))),
      [far, far + 1, far],
    );
    const end = endRecords({ entries: 70_000, sizeBytes: 1000, offset: far });
    assert.equal(end.length, 56 + 20 + 22);
    assert.equal(Number(end.readBigUInt64LE(56 + 8)), far + 1000);
    assert.equal(endRecords({ entries: 7, sizeBytes: 1000, offset: 1 }).length, 22);
  });
});

function counting(target: Target, storage: { bytes: number }): Target {
  const read: Target['read'] = (name, options) => {
    storage.bytes += options?.length ?? 0;
    return target.read(name, options);
  };
  return new Proxy(target, {
    get: (_, property) => {
      if (property === 'read') return read;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}
