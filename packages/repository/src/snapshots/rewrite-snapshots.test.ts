import assert from 'node:assert/strict';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { HoldfastError, hasCode } from '@holdfast/core';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { checkRepository } from '../check/index.ts';
import { blobId, encodeTree, type FoundSnapshot, objectIdOf, openRepository, type Repository } from '../index.ts';
import { BlobWriter } from '../packs/blob-writer.ts';
import { MemoryTarget } from '../testing/memory-target.ts';
import { restic, resticChecks, tryRestic } from '../testing/restic.ts';
import { samplePassword, sampleRepository } from '../testing/sample-repository.ts';
import { type NodeFilter, removeRewritten, rewriteSnapshots } from './index.ts';

const skip = skipUnless({ programs: ['restic'] });
const withoutText: NodeFilter = (path) => path.at(-1)?.toString() !== 'text';
const onProblem = (problem: HoldfastError): never => {
  throw problem;
};

async function all(repository: Repository): Promise<FoundSnapshot[]> {
  await repository.loadIndex();
  return Array.fromAsync(repository.snapshots());
}

/** A repository of restic with two snapshots of a folder with odd names. */
function theirs(folder: string): string {
  const source = join(folder, 'source');
  mkdirSync(join(source, 'same'), { recursive: true });
  mkdirSync(join(source, 'only', 'secret'), { recursive: true });
  writeFileSync(join(source, 'same', 'a'), 'a'.repeat(5000));
  writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0x66, 0xff, 0x22, 0x0a])]), 'odd <&>');
  writeFileSync(join(source, 'only', 'secret', 'key'), 'secret');
  writeFileSync(join(source, 'only', 'ümläut'), 'x');
  symlinkSync('nowhere', join(source, 'link'));
  const repo = join(folder, 'repo');
  restic(repo, 'init');
  restic(repo, 'backup', source, '--tag', 'first');
  writeFileSync(join(source, 'same', 'b'), 'b');
  restic(repo, 'backup', source);
  return repo;
}

interface Listed {
  readonly time: string;
  readonly tree: string;
  readonly tags?: string[];
  readonly original?: string;
  readonly hostname: string;
  readonly summary?: Readonly<Record<string, unknown>>;
}

const listed = (folder: string): Listed[] =>
  (JSON.parse(restic(folder, 'snapshots', '--json')) as Listed[])
    .map(({ time, tree, tags, original, hostname, summary }) => ({
      time,
      tree,
      ...(tags ? { tags } : {}),
      ...(original ? { original } : {}),
      hostname,
      ...(summary ? { summary } : {}),
    }))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

test('what is left out gives the trees, summaries, tags and originals that restic gives', { skip }, async (t) => {
  const folder = temporaryFolder(t);
  const repo = theirs(folder);
  cpSync(repo, join(folder, 'by-restic'), { recursive: true });
  const target = MemoryTarget.fromFolder(repo);
  restic(join(folder, 'by-restic'), 'rewrite', '--exclude', 'secret', '--exclude', 'a');
  const repository = await openRepository(target, { password: samplePassword });
  const filter: NodeFilter = (path) => !['secret', 'a'].includes(path.at(-1)?.toString() ?? '');
  const packsBefore = target.ids('data').length;
  const rewritten = await rewriteSnapshots(repository, {
    snapshots: await all(repository),
    filter,
    replace: false,
    onProblem,
  });
  assert.equal(rewritten.length, 2);
  assert.equal(target.ids('data').length, packsBefore + 1, 'one pack of trees for all snapshots');
  target.writeTo(join(folder, 'ours'));
  assert.deepEqual(listed(join(folder, 'ours')), listed(join(folder, 'by-restic')));
  assert.match(restic(join(folder, 'ours'), 'check', '--read-data'), /no errors were found/);
  const names = restic(join(folder, 'ours'), 'ls', rewritten[0]?.newId ?? '');
  assert.doesNotMatch(names, /secret/);
  assert.match(names, /only/);
  // A second time there is nothing left to do for those, and restic finds nothing in ours.
  const again = restic(join(folder, 'ours'), 'rewrite', '--exclude', 'secret', '--exclude', 'a', '--tag', 'rewrite');
  assert.match(again, /no snapshots were modified/);
});

test('host, time and summary change as with restic, and the old ones go afterwards', { skip }, async (t) => {
  const folder = temporaryFolder(t);
  const repo = theirs(folder);
  // As made by a version before summaries.
  const target = MemoryTarget.fromFolder(repo);
  const before = await openRepository(target, { password: samplePassword });
  for (const { id, snapshot } of await all(before)) {
    await before.saveSnapshot({ ...snapshot, summary: undefined });
    target.objects.delete(`snapshot:${id}`);
  }
  target.writeTo(join(folder, 'by-restic'));
  const options = ['--new-host', 'elsewhere', '--new-time', '2020-01-02 03:04:05', '--snapshot-summary', '--forget'];
  restic(join(folder, 'by-restic'), 'rewrite', ...options);
  const repository = await openRepository(target, { password: samplePassword });
  const rewritten = await rewriteSnapshots(repository, {
    snapshots: await all(repository),
    newHost: 'elsewhere',
    newTime: '2020-01-02T03:04:05Z',
    withSummary: true,
    replace: true,
    onProblem,
  });
  await removeRewritten(repository, rewritten, {});
  target.writeTo(join(folder, 'ours'));
  assert.deepEqual(listed(join(folder, 'ours')), listed(join(folder, 'by-restic')));
  assert.match(restic(join(folder, 'ours'), 'check', '--read-data'), /no errors were found/);
});

test('a tree with a field that nobody knows stops the rewrite, as with restic; nothing changes', {
  skip,
}, async (t) => {
  const folder = temporaryFolder(t);
  const { target, repository, snapshot } = await sampleRepository();
  await repository.loadIndex();
  const [top] = await repository.loadTree(snapshot.tree);
  assert.ok(top);
  const plain = Buffer.from(encodeTree([top]).toString().replace('"name":', '"future":1,"name":'));
  const id = objectIdOf(blobId(plain));
  await using writer = new BlobWriter({ repository });
  await writer.add('tree', id, plain);
  await writer.settle();
  await repository.target.delete({ type: 'snapshot', id: (await all(repository))[0]?.id ?? '' });
  await repository.saveSnapshot({ ...snapshot, tree: id });
  const objects = [...target.objects.keys()];
  await assert.rejects(
    rewriteSnapshots(repository, { snapshots: await all(repository), filter: withoutText, replace: false, onProblem }),
    (error) => hasCode(error, 'repository.damaged') && /without losing/.test(error.message),
  );
  assert.deepEqual([...target.objects.keys()], objects);
  target.writeTo(join(folder, 'repo'));
  assert.match(tryRestic(join(folder, 'repo'), ['rewrite', '--exclude', 'text']).stderr, /without losing information/);
});

test('a dry run tells what it would do and writes nothing', async () => {
  const { target, repository, snapshotId } = await sampleRepository();
  const snapshots = await all(repository);
  const objects = [...target.objects.keys()];
  const told: string[] = [];
  const rewritten = await rewriteSnapshots(repository, {
    snapshots,
    filter: withoutText,
    replace: true,
    dryRun: true,
    onProblem,
    onRewritten: ({ oldId }) => told.push(oldId),
  });
  assert.deepEqual(rewritten, [{ oldId: snapshotId, newId: undefined }]);
  assert.deepEqual(told, [snapshotId]);
  assert.deepEqual([...target.objects.keys()], objects);
});

test('what nothing is left out of stays as it is', async () => {
  const { repository } = await sampleRepository();
  const snapshots = (await all(repository)).map((found) => ({
    ...found,
    snapshot: { ...found.snapshot, hostname: 'host' },
  }));
  const options = { snapshots, replace: false, onProblem } as const;
  assert.deepEqual(await rewriteSnapshots(repository, { ...options, newHost: 'host' }), []);
  const changed = await rewriteSnapshots(repository, { ...options, filter: () => true });
  assert.equal(changed.length, 1, 'the sample has no summary, which a filter counts, as with restic');
  const counted = (await all(repository)).find(({ id }) => id === changed[0]?.newId);
  assert.equal(counted?.snapshot.summary?.totalFilesProcessed, 3);
  const again = { snapshots: counted ? [counted] : [], replace: false, filter: () => true, onProblem } as const;
  assert.deepEqual(await rewriteSnapshots(repository, again), []);
});

test('stopped before the old ones were removed, it goes on without a second copy', async (t) => {
  const { target, repository, snapshotId } = await sampleRepository();
  const options = { filter: withoutText, replace: true, onProblem } as const;
  const first = await rewriteSnapshots(repository, { snapshots: await all(repository), ...options });
  const second = await rewriteSnapshots(repository, { snapshots: await all(repository), ...options });
  assert.deepEqual(second, first, 'the same new snapshot, and the new one itself is not rewritten');
  await removeRewritten(repository, second, {});
  const left = await all(repository);
  assert.deepEqual(
    left.map(({ id }) => id),
    [first[0]?.newId],
  );
  assert.deepEqual(
    { tags: left[0]?.snapshot.tags, original: left[0]?.snapshot.original },
    {
      tags: ['a'],
      original: snapshotId,
    },
  );
  if (!skip) resticChecks(target, t);
});

test('when the new snapshot was forgotten meanwhile the old one stays', async () => {
  const { target, repository, snapshotId } = await sampleRepository();
  const rewritten = await rewriteSnapshots(repository, {
    snapshots: await all(repository),
    filter: withoutText,
    replace: true,
    onProblem,
  });
  target.objects.delete(`snapshot:${rewritten[0]?.newId}`);
  await assert.rejects(removeRewritten(repository, rewritten, {}), (error) => hasCode(error, 'snapshot.missing'));
  assert.deepEqual(target.ids('snapshot'), [snapshotId]);
});

test('a snapshot that the storage protects is not replaced, and gets no second one beside it', async () => {
  const { target, repository, snapshotId } = await sampleRepository();
  const until = new Date(Date.now() + 86_400_000);
  Object.assign(target, { retention: { get: async () => until } });
  const problems: string[] = [];
  const rewritten = await rewriteSnapshots(repository, {
    snapshots: await all(repository),
    filter: withoutText,
    replace: true,
    onProblem: (problem) => problems.push(problem.code),
  });
  assert.deepEqual(rewritten, []);
  assert.deepEqual(problems, ['storage.immutable']);
  assert.deepEqual(target.ids('snapshot'), [snapshotId]);
});

test('a crash at any storage call leaves a sound repository and never no snapshot', async () => {
  for (let at = 1; ; at += 1) {
    const { target, repository } = await sampleRepository();
    const snapshots = await all(repository);
    let calls = 0;
    target.fail = () => {
      calls += 1;
      if (calls >= at) throw new HoldfastError('storage.unavailable');
    };
    const work = async (): Promise<void> => {
      const rewritten = await rewriteSnapshots(repository, {
        snapshots,
        filter: withoutText,
        replace: true,
        onProblem,
      });
      await removeRewritten(repository, rewritten, {});
    };
    const failed = await work().then(
      () => false,
      () => true,
    );
    target.fail = () => {};
    const report = await checkRepository(await openRepository(target, { password: samplePassword }), {});
    assert.equal(report.errors, 0, `crash at call ${at}`);
    assert.ok(report.snapshots >= 1);
    if (failed) continue;
    assert.ok(at > 5);
    assert.equal(report.snapshots, 1);
    break;
  }
});
