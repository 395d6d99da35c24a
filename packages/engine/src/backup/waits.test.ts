import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout, setImmediate as soon } from 'node:timers/promises';
import { ManualClock } from '@holdfast/core';
import { openRepository } from '@holdfast/repository';
import { openLocalDisk, type Target, throttled } from '@holdfast/storage';
import { FaultyTarget } from '@holdfast/storage/testing';
import type { Waits } from '../index.ts';
import { noise } from '../testing/nasty-tree.ts';
import { testPassword, testRepository } from '../testing/test-repository.ts';
import { type BackupOptions, backup } from './index.ts';

/** What a backup waited for, by a clock that stands still but where the test moves it. */
async function waitsOf(
  t: TestContext,
  over: (target: Target, clock: ManualClock) => Target,
  sources: (folder: string, clock: ManualClock) => BackupOptions['sources'],
): Promise<Waits | undefined> {
  const { folder, target } = await testRepository(t, openLocalDisk);
  const clock = new ManualClock();
  const repository = await openRepository(over(target, clock), { password: testPassword, clock });
  let waits: Waits | undefined;
  let transferred: number | undefined;
  const { bytesStored } = await backup(repository, {
    sources: sources(folder, clock),
    workers: 1,
    onProgress: (progress) => {
      waits = progress.waits;
      transferred = progress.transferredBytes;
    },
  });
  assert.ok(transferred !== undefined && transferred >= bytesStored, `${transferred} of ${bytesStored}`);
  return waits;
}

/** Less than a pack, so that all of it is sent at the end. */
function someFiles(folder: string): string[] {
  const source = join(folder, 'source');
  fs.mkdirSync(source);
  for (let number = 0; number < 5; number += 1) fs.writeFileSync(join(source, `${number}`), noise(200_000 + number));
  return [source];
}

test('a source that is slow', async (t) => {
  const waits = await waitsOf(
    t,
    (target) => target,
    (_folder, clock) => ({
      path: '/dump',
      async *open() {
        for (let piece = 0; piece < 3; piece += 1) {
          clock.advance(60_000);
          yield noise(100_000 + piece);
        }
      },
    }),
  );
  assert.deepEqual(waits, { source: 100, processing: 0, network: 0, target: 0 });
});

test('a storage that is slow, without a network', async (t) => {
  const slow = (target: Target, clock: ManualClock): Target =>
    new FaultyTarget(target, {
      pass: async ({ method, name }, stage) => {
        if (method === 'create' && name.type === 'data' && stage === 'begin') clock.advance(60_000);
      },
    });
  assert.deepEqual(await waitsOf(t, slow, someFiles), { source: 0, processing: 0, network: 0, target: 100 });
});

test('a rule of bandwidth is a network that is slow', async (t) => {
  const slow = (target: Target, clock: ManualClock): Target =>
    throttled(target, {
      upload: {
        take: async () => {
          await soon();
          clock.advance(60_000);
        },
      },
    });
  const waits = await waitsOf(t, slow, someFiles);
  assert.deepEqual(waits, { source: 0, processing: 0, network: 100, target: 0 });
});

test('while nothing but a slow upload goes on, it is told how that stands', async (t) => {
  const { folder, target } = await testRepository(t, openLocalDisk);
  const told: Waits[] = [];
  let toldMeanwhile = 0;
  const slow = new FaultyTarget(target, {
    pass: async ({ method, name }, stage) => {
      if (method !== 'create' || name.type !== 'data' || stage !== 'begin') return;
      const before = told.length;
      for (let times = 0; times < 200 && told.length < before + 2; times += 1) await setTimeout(50);
      toldMeanwhile = told.length - before;
    },
  });
  const repository = await openRepository(slow, { password: testPassword });
  await backup(repository, {
    sources: someFiles(folder),
    workers: 1,
    onProgress: ({ waits }) => waits && told.push(waits),
  });
  assert.ok(toldMeanwhile >= 2, `${toldMeanwhile} times`);
});

test('by a clock that goes, all of the time is told', async (t) => {
  const { folder, repository } = await testRepository(t, openLocalDisk);
  const told: Waits[] = [];
  await backup(repository, {
    sources: someFiles(folder),
    onProgress: ({ waits }) => {
      if (waits) told.push(waits);
    },
  });
  const { source, processing, network, target } = told.at(-1) ?? assert.fail();
  assert.equal(source + processing + network + target, 100);
  assert.equal(network, 0);
});
