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
  /** Somebody who made a lock at the same moment appears while the index is read, and goes when he is waited for. */
  readonly meet: () => void;
  readonly refusals: string[];
}

async function scene(t: TestContext): Promise<Scene> {
  const { folder, repositoryFolder } = await testRepository(t, openLocalDisk);
  const target = await openLocalDisk({ path: repositoryFolder, create: false });
  t.after(() => target[Symbol.asyncDispose]());
  let met = Promise.resolve();
  let appear: (() => void) | undefined;
  // Time stands still, so that all is done in time; the second look comes when the other one is there.
  const clock: Clock = {
    now: () => new Date('2026-01-01T00:00:00Z'),
    monotonicMs: () => 0,
    sleep: (durationMs, signal) =>
      durationMs === 200 ? met : systemClock.sleep(durationMs > 5000 ? 20 : durationMs, signal),
  };
  const repository = await openRepository(target, { password: testPassword, clock });
  const lock = await repository.lock({ exclusive: true });
  const file = join(repositoryFolder, 'locks', lock.id ?? '');
  const bytes = fs.readFileSync(file);
  await lock[Symbol.asyncDispose]();
  const refusals: string[] = [];
  const list = target.list.bind(target);
  target.list = (type, options) => {
    if (type === 'index') appear?.();
    return list(type, options);
  };
  repository.lockWait = {
    retryMs: 60_000,
    onWait: (refusal) => {
      refusals.push(refusal.message);
      fs.rmSync(file);
    },
  };
  const meet = (): void => {
    met = new Promise((resolve) => {
      appear = () => {
        appear = undefined;
        fs.writeFileSync(file, bytes);
        resolve();
      };
    });
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
