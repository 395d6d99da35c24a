import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { openRepository } from '@holdfast/repository';
import { openLocalDisk, type Target } from '@holdfast/storage';
import { FaultyTarget } from '@holdfast/storage/testing';
import { backup } from '../backup/index.ts';
import type { Waits } from '../index.ts';
import { noise } from '../testing/nasty-tree.ts';
import { testPassword, testRepository } from '../testing/test-repository.ts';
import { restore } from './index.ts';

/** What a restore waited for, by a clock that stands still but where reading a pack moves it by a minute. */
async function waitsOf(t: TestContext, over: (target: Target) => Target): Promise<Waits | undefined> {
  const { folder, repository, target } = await testRepository(t, openLocalDisk);
  const source = join(folder, 'source');
  fs.mkdirSync(source);
  for (let number = 0; number < 5; number += 1) fs.writeFileSync(join(source, `${number}`), noise(200_000 + number));
  await backup(repository, { sources: [source] });
  const clock = new ManualClock();
  const slow = new FaultyTarget(over(target), {
    pass: async ({ method, name }, stage) => {
      if (method === 'read' && name.type === 'data' && stage === 'begin') clock.advance(60_000);
    },
  });
  const told: Waits[] = [];
  const summary = await restore(await openRepository(slow, { password: testPassword, clock }), {
    ...{ snapshotId: 'latest', target: join(folder, 'restored'), workers: 1 },
    onProgress: ({ waits }) => {
      if (waits) told.push(waits);
    },
  });
  assert.deepEqual(told.at(-1), summary.waits);
  return summary.waits;
}

test('a repository that is slow, without a network', async (t) => {
  assert.deepEqual(await waitsOf(t, (target) => target), { source: 100, processing: 0, network: 0, target: 0 });
});

test('of slow requests the storage took a quarter, and the network the rest', async (t) => {
  let asked = 0;
  const remote = (target: Target): Target =>
    new Proxy(target, {
      get: (of, name) => {
        if (name === 'localFile') return undefined;
        if (name === 'transferred')
          return () => ({ ...of.transferred(), requestMs: (asked += 1) * 60_000, storageMs: asked * 15_000 });
        const value: unknown = Reflect.get(of, name, of);
        return typeof value === 'function' ? (value.bind(of) as unknown) : value;
      },
    });
  assert.deepEqual(await waitsOf(t, remote), { source: 25, processing: 0, network: 75, target: 0 });
});

test('by a clock that goes, all of the time is told, and the disk that is restored to is in it', async (t) => {
  const { folder, repository } = await testRepository(t, openLocalDisk);
  const source = join(folder, 'source');
  fs.mkdirSync(source);
  for (let number = 0; number < 300; number += 1) fs.writeFileSync(join(source, `${number}`), noise(2_000 + number));
  await backup(repository, { sources: [source] });
  const { waits } = await restore(repository, { snapshotId: 'latest', target: join(folder, 'restored') });
  assert.ok(waits);
  const { source: reading, processing, network, target } = waits;
  assert.equal(reading + processing + network + target, 100);
  assert.equal(network, 0);
  assert.ok(target > 0);
});
