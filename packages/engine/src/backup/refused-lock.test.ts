import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Clock, systemClock } from '@holdfast/core';
import { openRepository, type Repository } from '@holdfast/repository';
import { checkRepository } from '@holdfast/repository/check';
import { openLocalDisk } from '@holdfast/storage';
import { restore } from '../restore/index.ts';
import { testPassword, testRepository } from '../testing/test-repository.ts';
import { backup } from './index.ts';

interface Scene {
  readonly folder: string;
  readonly repository: Repository;
  /** Somebody who made a lock at the same moment appears, while the index is read or when he is called, and goes when he is waited for. */
  readonly meet: (when?: 'called') => () => void;
  readonly refusals: string[];
}

async function scene(t: TestContext): Promise<Scene> {
  const { folder, repositoryFolder } = await testRepository(t, openLocalDisk);
  const target = await openLocalDisk({ path: repositoryFolder, create: false });
  t.after(() => target[Symbol.asyncDispose]());
  let met = Promise.resolve();
  let atIndex: (() => void) | undefined;
  // Time stands still, so that all is done in time.
  const clock: Clock = {
    now: () => new Date('2026-01-01T00:00:00Z'),
    monotonicMs: () => 0,
    sleep: (durationMs, signal) => systemClock.sleep(durationMs > 5000 ? 20 : durationMs, signal),
  };
  const repository = await openRepository(target, { password: testPassword, clock });
  const lock = await repository.lock({ exclusive: true });
  const file = join(repositoryFolder, 'locks', lock.id ?? '');
  const bytes = fs.readFileSync(file);
  await lock[Symbol.asyncDispose]();
  const refusals: string[] = [];
  // Our second look comes when the other one is there.
  let second: Promise<void> | undefined;
  const create = target.create.bind(target);
  target.create = (name, body, options) => {
    if (name.type === 'lock') second = met;
    return create(name, body, options);
  };
  const list = target.list.bind(target);
  target.list = async function* (type, options) {
    if (type === 'index') atIndex?.();
    if (type === 'lock') await second;
    yield* list(type, options);
  };
  repository.lockWait = {
    retryMs: 60_000,
    onWait: (refusal) => {
      refusals.push(refusal.message);
      fs.rmSync(file);
    },
  };
  const meet: Scene['meet'] = (when) => {
    const seen = Promise.withResolvers<void>();
    met = seen.promise;
    const appear = (): void => {
      atIndex = undefined;
      fs.writeFileSync(file, bytes);
      seen.resolve();
    };
    if (when === undefined) atIndex = appear;
    return appear;
  };
  return { folder, repository, meet, refusals };
}

function makeSource(folder: string): string {
  const source = join(folder, 'source');
  fs.mkdirSync(source);
  for (let at = 0; at < 20; at += 1) fs.writeFileSync(join(source, `file ${at}`), `content ${at}`);
  return source;
}

describe('work whose lock is refused at the second look', () => {
  it('is a backup that begins anew, and leaves one snapshot', async (t) => {
    const { folder, repository, meet, refusals } = await scene(t);
    meet();
    const summary = await backup(repository, { sources: [makeSource(folder)], workers: 2 });
    assert.equal(refusals.length, 1);
    assert.match(refusals[0] ?? '', /exclusively locked by process/);
    assert.deepEqual([summary.filesNew, summary.problemCount, summary.complete], [20, 0, true]);
    assert.equal((await repository.list('snapshot')).length, 1);
    assert.deepEqual(await repository.list('lock'), []);
    const report = await checkRepository(repository, { readData: 'packs' });
    assert.deepEqual(report.problems, []);
  });

  it('is a backup of a stream, which was not begun before', async (t) => {
    const { repository, meet, refusals } = await scene(t);
    meet();
    let opened = 0;
    const open = async function* (): AsyncGenerator<Uint8Array> {
      opened += 1;
      yield Buffer.from('can be read once');
    };
    const summary = await backup(repository, { sources: { path: 'once', open }, workers: 1 });
    assert.deepEqual([refusals.length, opened, summary.bytesProcessed], [1, 1, 16]);
  });

  it('is a backup that counts once what both attempts find', async (t) => {
    const { folder, repository, meet, refusals } = await scene(t);
    const appear = meet('called');
    const found: string[] = [];
    const summary = await backup(repository, {
      sources: [makeSource(folder), join(folder, 'missing')],
      workers: 2,
      onProblem: ({ code }) => {
        found.push(code);
        if (found.length === 1) appear();
      },
    });
    assert.deepEqual([refusals.length, found.length], [1, 2]);
    assert.deepEqual([summary.problemCount, summary.problems.length, summary.complete], [1, 1, false]);
  });

  it('is a backup that ends without having stored anything, where nobody waits', async (t) => {
    const { folder, repository, meet } = await scene(t);
    repository.lockWait = {};
    meet();
    const refused = backup(repository, { sources: [makeSource(folder)], workers: 2 });
    await assert.rejects(refused, { code: 'repository.locked', message: /exclusively locked by process/ });
    for (const type of ['data', 'index', 'snapshot'] as const) assert.deepEqual(await repository.list(type), []);
  });

  it('is a restore that has not touched its target', async (t) => {
    const { folder, repository, meet, refusals } = await scene(t);
    await backup(repository, { sources: [makeSource(folder)], workers: 2 });
    const target = join(folder, 'target');
    const { lockWait } = repository;
    repository.lockWait = {
      ...lockWait,
      onWait: (refusal, retryMs) => {
        assert.equal(fs.existsSync(target), false);
        lockWait.onWait?.(refusal, retryMs);
      },
    };
    meet();
    const summary = await restore(repository, { snapshotId: 'latest', target, workers: 2 });
    assert.equal(refusals.length, 1);
    assert.deepEqual([summary.filesRestored, summary.complete], [20, true]);
  });
});
