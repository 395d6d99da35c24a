import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { FolderComparison } from './compare-folder.ts';
import { detachMount, FolderProbe, type SameFolder, writeXattr } from './index.ts';

const zone = Buffer.from('+01:00');
const ownerText = (uid: number, gid: number): string => `","uid":${uid},"gid":${gid},"user":"someone"`;
const parts = {
  day: () => ({ offsetSeconds: 3600, zone }),
  owner: (uid: number, gid: number) => Buffer.from(ownerText(uid, gid)),
};
const hour = 3_600_000_000_000n;

function time(ns: bigint): string {
  const local = ns + hour;
  const fraction = String(local % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const seconds = new Date(Number(local / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}${fraction === '' ? '' : `.${fraction}`}+01:00`;
}

const id = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The text of one entry, made from what Node tells of it. */
function nodeText(folder: string, name: string): string {
  const stat = fs.lstatSync(join(folder, name), { bigint: true });
  const mode = stat.mode & 0o7777n;
  const special =
    (mode & 0o4000n ? 1n << 23n : 0n) + (mode & 0o2000n ? 1n << 22n : 0n) + (mode & 0o1000n ? 1n << 20n : 0n);
  const goMode = (mode & 0o777n) + special + (stat.isDirectory() ? 1n << 31n : 0n);
  const times = `"mtime":"${time(stat.mtimeNs)}","atime":"${time(stat.mtimeNs)}","ctime":"${time(stat.ctimeNs)}`;
  const modeText = goMode === 0n ? '' : `"mode":${goMode},`;
  const begin = `{"name":"${name}","type":"${stat.isDirectory() ? 'dir' : 'file'}",${modeText}${times}`;
  const begun = `${begin}${ownerText(Number(stat.uid), Number(stat.gid))},"inode":${stat.ino}`;
  if (stat.isDirectory()) return `${begun},"content":null,"subtree":"${id(name)}"}`;
  const device = stat.nlink > 1n ? `,"device_id":${stat.dev}` : '';
  const size = stat.size === 0n ? '' : `,"size":${stat.size}`;
  const content = stat.size === 0n ? '' : `"${id(name)}","${id(`${name} 2`)}"`;
  return `${begun}${device}${size},"links":${stat.nlink},"content":[${content}]}`;
}

function treeText(folder: string): string {
  const names = fs.readdirSync(folder).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{"nodes":[${names.map((name) => nodeText(folder, name)).join(',')}]}\n`;
}

function makeFolder(t: TestContext): string {
  const folder = join(temporaryFolder(t), 'folder');
  for (const name of ['', 'sub', 'Sub.2', '~']) fs.mkdirSync(join(folder, name));
  for (const name of ['a', 'a b', 'empty', 'zz', "it's", 'n'.repeat(255), '...'])
    fs.writeFileSync(join(folder, name), name === 'empty' ? '' : `content of ${name}`);
  fs.linkSync(join(folder, 'a'), join(folder, 'hard'));
  fs.chmodSync(join(folder, 'sub'), 0o1751);
  fs.chmodSync(join(folder, 'zz'), 0);
  // Ends of months, of centuries and of a leap year; fractions that end with zeros.
  for (const [at, seconds] of [
    0, 951_782_399.5, 951_868_799.25, 1_709_161_200, 4_107_538_800, 253_402_210_799,
  ].entries()) {
    fs.writeFileSync(join(folder, `time ${at}`), '');
    fs.utimesSync(join(folder, `time ${at}`), 1, seconds);
  }
  return folder;
}

interface Asked {
  readonly device?: bigint;
  readonly maxSizeBytes?: number;
  readonly maxEntries?: number;
  readonly has?: (id: string) => boolean;
}

/** Also looks whether the folder can still be listed. */
function compare(
  comparison: FolderComparison,
  folder: string,
  tree: string,
  asked: Asked = {},
): SameFolder | undefined {
  const fd = fs.openSync(folder, 'r');
  try {
    const { device, maxSizeBytes = Number.POSITIVE_INFINITY, maxEntries = 4000, has = () => true } = asked;
    const rule = { device, maxSizeBytes, maxEntries, has: (id: Uint8Array) => has(Buffer.from(id).toString('hex')) };
    const result = comparison.compare(fd, Buffer.from(tree), rule);
    assert.equal(new FolderProbe().names(fd, () => Buffer.from(folder)).length, fs.readdirSync(folder).length);
    return result;
  } finally {
    fs.closeSync(fd);
  }
}

function builtFromSource(t: TestContext): string {
  const file = join(temporaryFolder(t), 'built.so');
  const script = fileURLToPath(new URL('../kernel/build.sh', import.meta.url));
  execFileSync(script, [file], { env: { ...process.env, CC: 'gcc' } });
  return file;
}

/** Skips where there are no kernels, and where the system has no listxattrat(2), which is from 2025. */
function comparisonHere(t: TestContext, file?: string): FolderComparison | undefined {
  const comparison = FolderComparison.create(parts, file);
  const folder = makeFolder(t);
  if (comparison !== undefined && compare(comparison, folder, treeText(folder)) !== undefined) return comparison;
  const probe = new FolderProbe();
  const fd = fs.openSync(folder, 'r');
  t.after(() => fs.closeSync(fd));
  probe.look(fd, 'a', () => Buffer.from(join(folder, 'a')));
  // Where one entry by itself is known to have no attributes, the whole folder must have been, too.
  assert.ok(comparison === undefined || probe.mayHaveXattrs(fd));
  t.skip('the kernel does not run here');
  return undefined;
}

/** Has a folder with these names served that is odd in two ways: see there. */
async function inOddFolder(t: TestContext, names: readonly string[], use: (folder: string) => void): Promise<void> {
  const folder = temporaryFolder(t);
  const program = join(import.meta.dirname, 'testing', 'odd-folder-worker.ts');
  const server = spawn(process.execPath, [program, folder, ...names], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(server, 'exit');
  const mounted = once(server.stdout, 'data').then(() => true);
  if (!(await Promise.race([mounted, ended.then(() => false)]))) return t.skip('needs the right to mount by FUSE');
  try {
    use(folder);
  } finally {
    server.kill('SIGKILL');
    await ended;
    detachMount(folder);
  }
}

describe('comparison of a folder with its tree', () => {
  it('finds a folder as its tree has it', (t) => {
    const comparison = comparisonHere(t);
    if (comparison === undefined) return;
    const folder = makeFolder(t);
    const tree = treeText(folder);
    const asked = new Set<string>();
    const same = compare(comparison, folder, tree, { has: (one) => asked.add(one).has(one) });
    assert.ok(same);
    assert.equal(same.entries, 17);
    assert.equal(same.files, 14);
    const sizes = fs.readdirSync(folder).map((name) => fs.lstatSync(join(folder, name)));
    assert.equal(
      same.bytes,
      sizes.reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0),
    );
    const contents = [...tree.matchAll(/"content":\[("[^\]]*")\]/g)].map(([, list = '']) => list);
    assert.deepEqual(asked, new Set(contents.flatMap((list) => list.split(',').map((one) => one.slice(1, -1)))));
    const { dev } = fs.statSync(folder, { bigint: true });
    assert.deepEqual(
      same.folders.map(({ nodeAt, treeAt, device }) => [
        /^\{"name":"([^"]*)".*"subtree":"$/.exec(tree.slice(nodeAt, treeAt))?.[1],
        tree.slice(treeAt, treeAt + 64),
        device,
      ]),
      ['Sub.2', 'sub', '~'].map((name) => [name, id(name), dev]),
    );
    assert.ok(compare(comparison, folder, tree, { device: dev, maxSizeBytes: 10_000, maxEntries: 17 }));
    fs.mkdirSync(join(folder, 'sub/empty'));
    assert.deepEqual(compare(comparison, join(folder, 'sub/empty'), '{"nodes":[]}\n'), {
      ...{ entries: 0, files: 0, bytes: 0, folders: [] },
    });
  });

  it('finds each difference in the text', (t) => {
    const comparison = comparisonHere(t);
    if (comparison === undefined) return;
    const folder = makeFolder(t);
    // A text for each kind of node is enough.
    for (const name of fs.readdirSync(folder))
      if (!['a', 'hard', 'empty', 'sub'].includes(name)) fs.rmSync(join(folder, name), { recursive: true });
    const tree = treeText(folder);
    const ids = [...tree.matchAll(/[0-9a-f]{64}/g)].flatMap(({ index }) =>
      Array.from({ length: 64 }, (_, at) => index + at),
    );
    const inIds = new Set(ids);
    for (let at = 0; at < tree.length; at += 1) {
      const [before, char, behind] = [tree.slice(0, at), tree[at] ?? '', tree.slice(at + 1)];
      // Another id is a matter of the index; one with a capital letter is none.
      const other = inIds.has(at) ? 'A' : String.fromCharCode(char.charCodeAt(0) ^ 1);
      assert.equal(
        compare(comparison, folder, before + other + behind),
        undefined,
        `changed at ${at}: ${before.slice(-40)}`,
      );
      if (at % 7 === 0) {
        assert.equal(compare(comparison, folder, before), undefined, `cut at ${at}`);
        assert.equal(compare(comparison, folder, before + behind), undefined, `left out at ${at}`);
        assert.equal(compare(comparison, folder, `${before}x${char}${behind}`), undefined, `put in at ${at}`);
      }
    }
  });

  it('finds each difference in the folder', (t) => {
    const comparison = comparisonHere(t);
    if (comparison === undefined) return;
    const changes: readonly ((folder: string) => void)[] = [
      (folder) => fs.writeFileSync(join(folder, 'new'), ''),
      (folder) => fs.rmSync(join(folder, 'zz')),
      (folder) => fs.renameSync(join(folder, 'zz'), join(folder, 'zzz')),
      (folder) => fs.chmodSync(join(folder, 'empty'), 0o600),
      (folder) => fs.appendFileSync(join(folder, 'a'), 'more'),
      (folder) => fs.utimesSync(join(folder, 'sub'), 1, 1),
      (folder) => fs.linkSync(join(folder, 'zz'), join(folder, '../zz')),
      (folder) => writeXattr(Buffer.from(join(folder, 'empty')), Buffer.from('user.note'), Buffer.from('x')),
    ];
    for (const change of changes) {
      const folder = makeFolder(t);
      const tree = treeText(folder);
      assert.ok(compare(comparison, folder, tree));
      change(folder);
      assert.equal(compare(comparison, folder, tree), undefined, String(change));
    }
  });

  it('takes nothing that its rule forbids, or that it cannot tell', (t) => {
    const comparison = comparisonHere(t);
    if (comparison === undefined) return;
    const folder = makeFolder(t);
    const tree = treeText(folder);
    assert.equal(compare(comparison, folder, tree, { has: (one) => one !== id('zz 2') }), undefined);
    assert.equal(compare(comparison, folder, tree, { maxEntries: 16 }), undefined);
    assert.equal(compare(comparison, folder, tree, { maxSizeBytes: 20 }), undefined);
    const { dev } = fs.statSync(folder, { bigint: true });
    assert.equal(compare(comparison, folder, tree, { device: dev + 1n }), undefined);
    for (const name of ['ä', '<', 'a"b', 'back\\slash', '\x7f']) {
      const odd = join(temporaryFolder(t), 'odd');
      fs.mkdirSync(odd);
      fs.writeFileSync(join(odd, name), '');
      assert.equal(compare(comparison, odd, treeText(odd)), undefined, name);
    }
    const link = join(temporaryFolder(t), 'link');
    fs.mkdirSync(link);
    fs.symlinkSync('nowhere', join(link, 'a'));
    assert.equal(compare(comparison, link, treeText(link)), undefined);
    // Names that lead out of the folder, and the same one twice.
    const pair = join(temporaryFolder(t), 'pair');
    for (const name of ['', 'a', 'b', 'a/in']) fs.mkdirSync(join(pair, name));
    const [a, b] = ['a', 'b'].map((name) => nodeText(pair, name));
    assert.ok(compare(comparison, pair, `{"nodes":[${a},${b}]}\n`));
    for (const nodes of [
      [a, a],
      [b, a],
      [a, nodeText(pair, 'a/in')],
      [nodeText(pair, '.'), b],
      [nodeText(pair, '..'), b],
    ])
      assert.equal(compare(comparison, pair, `{"nodes":[${nodes.join(',')}]}\n`), undefined, nodes.join());
  });

  it('is not misled by names that are found otherwise than they are listed, nor by a list that breaks off', {
    skip: skipUnless({ platform: 'linux', root: true }),
  }, async (t) => {
    const comparison = comparisonHere(t);
    if (comparison === undefined) return;
    await inOddFolder(t, ['B', 'a', 'c'], (folder) => {
      const treeOf = (...names: string[]): string =>
        `{"nodes":[${names.map((name) => nodeText(folder, name)).join(',')}]}\n`;
      // The list breaks off the first time, and is whole when it is asked for again.
      assert.equal(compare(comparison, folder, treeOf('B', 'a', 'c')), undefined);
      assert.ok(compare(comparison, folder, treeOf('B', 'a', 'c')));
      assert.equal(compare(comparison, folder, treeOf('a', 'b', 'c')), undefined);
    });
  });

  it('asks for days and owners as it needs them, and gives up on days that stand in each other’s place', (t) => {
    if (comparisonHere(t) === undefined) return;
    const days: number[] = [];
    let isUsable = true;
    const comparison = FolderComparison.create({
      ...parts,
      day: (day) => {
        days.push(day);
        return { offsetSeconds: isUsable ? 3600 : undefined, zone };
      },
    });
    assert.ok(comparison);
    const folder = join(temporaryFolder(t), 'folder');
    fs.mkdirSync(folder);
    // None of them in today's place.
    const first = (Math.floor(Date.now() / 86_400_000) % 4096) + 2;
    for (let number = 0; number < 3000; number += 1) {
      const path = join(folder, `${number}`.padStart(4, '0'));
      fs.writeFileSync(path, 'content');
      fs.utimesSync(path, 1, (first + number) * 86_400);
    }
    assert.equal(compare(comparison, folder, treeText(folder))?.files, 3000);
    const today = Math.floor(fs.statSync(join(folder, '0000')).ctimeMs / 86_400_000);
    for (let number = 0; number < 3000; number += 1) assert.ok(days.includes(first + number));
    const asked = days.length;
    compare(comparison, folder, treeText(folder));
    assert.equal(days.length, asked);
    fs.utimesSync(join(folder, '1000'), 1, (today - 4096) * 86_400);
    assert.equal(compare(comparison, folder, treeText(folder)), undefined);
    isUsable = false;
    fs.utimesSync(join(folder, '1000'), 1, 5000 * 86_400);
    assert.equal(compare(comparison, folder, treeText(folder)), undefined);
  });

  it('does the same when it is built anew', { skip: skipUnless({ programs: ['gcc'], platform: 'linux' }) }, (t) => {
    if (process.arch !== 'x64') return t.skip('the kernels are for Linux on x64');
    const comparison = comparisonHere(t, builtFromSource(t));
    if (comparison === undefined) return;
    const folder = makeFolder(t);
    assert.ok(compare(comparison, folder, treeText(folder)));
    assert.equal(compare(comparison, folder, treeText(folder).replace('"a b"', '"a c"')), undefined);
  });
});
