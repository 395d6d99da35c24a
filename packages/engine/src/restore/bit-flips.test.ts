import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type HoldfastError, toHoldfastError } from '@holdfast/core';
import { skipUnless } from '@holdfast/core/testing';
import { type ObjectId, openRepository, type Repository, shortId } from '@holdfast/repository';
import { checkRepository } from '@holdfast/repository/check';
import { addKey } from '@holdfast/repository/keys';
import { repairIndex, repairPacks, repairSnapshots } from '@holdfast/repository/repair';
import { openLocalDisk } from '@holdfast/storage';
import { backup } from '../backup/index.ts';
import { noise } from '../testing/nasty-tree.ts';
import { testPassword, testRepository } from '../testing/test-repository.ts';
import { restore } from './index.ts';

const otherPassword = 'the password of the other key';

interface Sample {
  readonly folder: string;
  readonly source: string;
  readonly repositoryFolder: string;
  readonly repository: Repository;
  readonly files: ReadonlyMap<string, Buffer>;
}

/** Where a bit may be turned: bytes of a file of the repository. */
interface Place {
  readonly what: string;
  /** A name of the object by which it is told. */
  readonly name: string;
  readonly file: string;
  readonly from: number;
  readonly to: number;
  /** The blob that is hit. */
  readonly blob?: ObjectId;
}

async function sample(t: TestContext): Promise<Sample> {
  const { folder, repositoryFolder, repository } = await testRepository(t, openLocalDisk);
  const source = join(folder, 'source');
  const contents: Readonly<Record<string, Buffer>> = {
    text: Buffer.from('a line of text\n'.repeat(300)),
    random: noise(60_000, 1),
    'folder/text': Buffer.from('another line\n'.repeat(500)),
    'folder/same as random': noise(60_000, 1),
    'folder/deep/large': noise(2_000_000, 2),
    'folder/deep/empty': Buffer.alloc(0),
  };
  fs.mkdirSync(join(source, 'folder/deep'), { recursive: true });
  for (const [name, bytes] of Object.entries(contents)) fs.writeFileSync(join(source, name), bytes);
  const made = await backup(repository, { sources: [source], workers: 1 });
  assert.ok(made.complete);
  return { folder, source, repositoryFolder, repository, files: filesBelow(source) };
}

/** Regular files by their path. */
function filesBelow(folder: string): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  if (!fs.existsSync(folder)) return found;
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) found.set(relative(folder, path), fs.readFileSync(path));
  }
  return found;
}

/** One place of each sort. */
async function placesOf({ repository, repositoryFolder }: Sample): Promise<Place[]> {
  const places: Place[] = [];
  const whole = (what: string, folder: string): void => {
    for (const id of fs.readdirSync(join(repositoryFolder, folder))) {
      const file = join(repositoryFolder, folder, id);
      places.push({ what, name: shortId(id), file, from: 0, to: fs.statSync(file).size });
    }
  };
  whole('index', 'index');
  whole('snapshot', 'snapshots');
  const index = await repository.loadIndex();
  for (let pack = 0; pack < index.packCount; pack += 1) {
    const id = index.packId(pack);
    const file = join(repositoryFolder, 'data', id.slice(0, 2), id);
    const size = fs.statSync(file).size;
    let end = 0;
    for (let entry = 0; entry < index.blobCount; entry += 1) {
      const at = index.location(entry);
      if (at?.packId !== id) continue;
      const blob = index.blobAt(entry);
      end = Math.max(end, at.offset + at.length);
      const inPack = { what: `blob of ${blob.type}`, name: shortId(id), file, blob: blob.id };
      places.push({ ...inPack, from: at.offset, to: at.offset + at.length });
    }
    places.push({ what: 'header of a pack', name: shortId(id), file, from: end, to: size });
  }
  return places;
}

/** Turns a bit of a place; gives what turns it back. */
function flip({ file, from, to }: Place): { readonly bit: number; readonly undo: () => void } {
  const bit = randomInt(from * 8, to * 8);
  const turn = (): void => {
    fs.chmodSync(file, 0o600);
    const bytes = fs.readFileSync(file);
    bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    fs.writeFileSync(file, bytes);
  };
  turn();
  return { bit, undo: turn };
}

/** Files that need a blob, by their path below the source. */
async function filesThatNeed(blob: ObjectId, { repository, source }: Sample): Promise<Set<string>> {
  const found = new Set<string>();
  const walk = async (tree: ObjectId, path: string, lost: boolean): Promise<void> => {
    for (const node of await repository.loadTree(tree)) {
      const at = `${path}/${node.name.toString()}`;
      if (node.type === 'dir' && node.subtree) await walk(node.subtree, at, lost || node.subtree === blob);
      if (node.type === 'file' && (lost || node.content?.includes(blob))) found.add(relative(source, at));
    }
  };
  for await (const { snapshot } of repository.snapshots()) await walk(snapshot.tree, '', snapshot.tree === blob);
  return found;
}

type Restored =
  | { readonly files: Map<string, Buffer>; readonly told: readonly string[] }
  | { readonly error: HoldfastError };

async function tryRestore({ folder, repositoryFolder, source }: Sample, password = testPassword): Promise<Restored> {
  const target = fs.mkdtempSync(join(folder, 'target-'));
  try {
    const repository = await openRepository(await openLocalDisk({ path: repositoryFolder }), { password });
    const summary = await restore(repository, { snapshotId: 'latest', target, workers: 1 });
    const told = summary.problems.map(({ message }) => message);
    assert.equal(summary.complete, told.length === 0);
    return { files: filesBelow(join(target, source)), told };
  } catch (error) {
    assert.deepEqual([...filesBelow(target)], [], 'what failed as a whole left nothing');
    return { error: toHoldfastError(error) };
  } finally {
    fs.rmSync(target, { recursive: true });
  }
}

/** What `check` advises, in its order. Gives the paths that it says are lost. */
async function repair({ repositoryFolder }: Sample): Promise<Set<string>> {
  const target = await openLocalDisk({ path: repositoryFolder });
  const repository = await openRepository(target, { password: testPassword });
  const found = await checkRepository(repository, { readData: 'packs' });
  assert.ok(found.errors > 0, 'check notices it');
  if (found.suggestRepairIndex) await repairIndex(repository);
  if (found.brokenPacks.length > 0) await repairPacks(repository, found.brokenPacks);
  const onProblem = (): void => {};
  const lost = new Set<string>();
  await repairSnapshots(repository, await Array.fromAsync(repository.snapshots({ onProblem })), {
    forget: true,
    onProblem,
    onSnapshot: (it) => {
      if (it.outcome === 'lost') lost.add('/');
      if (it.outcome === 'repaired') for (const { path } of it.losses) lost.add(join('/', path.toString()));
    },
  });
  return lost;
}

describe('a bit that was turned in a repository', { skip: skipUnless({ platform: 'linux' }) }, () => {
  for (const what of ['blob of data', 'blob of tree', 'header of a pack', 'index', 'snapshot'])
    it(`is never restored as good data, and repair brings back the rest: ${what}`, async (t) => {
      const all = await sample(t);
      const { files } = all;
      const places = (await placesOf(all)).filter((place) => place.what === what);
      const place = places[randomInt(places.length)];
      assert.ok(place);
      const needing = place.blob === undefined ? new Set<string>() : await filesThatNeed(place.blob, all);
      const { bit } = flip(place);
      t.diagnostic(`bit ${bit} of ${relative(all.folder, place.file)}`);

      const damaged = await tryRestore(all);
      if ('error' in damaged) assert.match(damaged.error.message, new RegExp(`${place.name}|snapshot|[Tt]ree`));
      else {
        for (const [path, bytes] of damaged.files) assert.ok(files.get(path)?.equals(bytes), `${path} has what it had`);
        for (const path of files.keys()) {
          if (damaged.files.has(path)) continue;
          assert.ok(needing.has(path), `${path} is left out only if it was hit`);
          const named = upwards(join(all.source, path)).some((one) =>
            damaged.told.some((message) => message.startsWith(`${one}: `)),
          );
          assert.ok(named, `${path} or its folder is named: ${damaged.told.join('\n')}`);
        }
      }

      if (what === 'snapshot') {
        // It is all that knew the names; the next backup finds every blob again.
        assert.ok('error' in damaged);
        return;
      }
      const lost = await repair(all);
      const repaired = await tryRestore(all);
      const left = 'error' in repaired ? new Map<string, Buffer>() : repaired.files;
      if (!('error' in repaired)) assert.deepEqual(repaired.told, []);
      for (const [path, bytes] of files) {
        const isLost = upwards(join(all.source, path)).some((one) => lost.has(one));
        assert.equal(isLost, needing.has(path), `${path} is lost if it was hit, and only then`);
        if (isLost) assert.notDeepEqual(left.get(path), bytes);
        else assert.deepEqual(left.get(path), bytes, `${path} is back`);
      }
    });

  it('keeps key and config from being used, and says which', async (t) => {
    const all = await sample(t);
    const { repository, repositoryFolder, files } = all;
    const [id = ''] = fs.readdirSync(join(repositoryFolder, 'keys'));
    await addKey(repository, { password: otherPassword, keyOptions: { cost: { N: 1024, r: 8, p: 1 } } });
    for (const name of [join('keys', id), 'config']) {
      const file = join(repositoryFolder, name);
      const { bit, undo } = flip({ what: name, name, file, from: 0, to: fs.statSync(file).size });
      const damaged = await tryRestore(all);
      assert.ok('error' in damaged, `bit ${bit} of ${name}`);
      assert.match(damaged.error.message, name === 'config' ? /configuration/ : new RegExp(`Key ${shortId(id)}`));
      if (name !== 'config') {
        const other = await tryRestore(all, otherPassword);
        assert.ok('files' in other);
        assert.deepEqual(other.files, files);
      }
      undo();
    }
    const whole = await tryRestore(all);
    assert.ok('files' in whole);
    assert.deepEqual(whole.files, files);
  });
});

/** A path and all folders above it. */
function upwards(path: string): string[] {
  return path === '/' ? [path] : [path, ...upwards(dirname(path))];
}
