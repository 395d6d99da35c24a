import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import type { ReplaceConfigOptions } from '@holdfast/storage';
import { openRepository } from '../index.ts';
import type { MemoryTarget } from '../testing/memory-target.ts';
import { samplePassword, sampleRepository } from '../testing/sample-repository.ts';
import { applicableMigrations, upgradeToVersion2 } from './index.ts';

/** A repository that says it has version 1, in a place that can replace a config. */
async function versionOne() {
  const { target, repository, snapshot } = await sampleRepository();
  const config = { version: 1, id: repository.config.id, chunker_polynomial: repository.config.chunkerPolynomial };
  const sealed = repository.cipher.seal(Buffer.from(JSON.stringify(config)));
  target.objects.set('config:', sealed);
  const old = await openRepository(target, { password: samplePassword });
  return { target, old, sealed, snapshot };
}

function withReplacing(target: MemoryTarget): MemoryTarget {
  return Object.assign(target, {
    replaceConfig: async (body: Uint8Array, { expected }: ReplaceConfigOptions) => {
      target.fail('replace', { type: 'config', id: '' });
      assert.deepEqual(Buffer.from(target.objects.get('config:') ?? []), Buffer.from(expected));
      target.objects.set('config:', body);
    },
  });
}

test('version 1 becomes version 2 once, keeping id, polynomial and key; the old config is kept before', async () => {
  const { target, old, sealed, snapshot } = await versionOne();
  withReplacing(target);
  assert.deepEqual(
    applicableMigrations(old.config).map(({ name }) => name),
    ['upgrade_repo_v2'],
  );
  const order: string[] = [];
  target.fail = (call) => void order.push(call);
  await upgradeToVersion2(old, {
    keepCopy: async (config) => {
      order.push('copy');
      assert.deepEqual(Buffer.from(config), sealed);
    },
  });
  assert.ok(order.indexOf('copy') > 0 && order.indexOf('copy') < order.indexOf('replace'));
  const upgraded = await openRepository(target, { password: samplePassword });
  assert.deepEqual(upgraded.config, { ...old.config, version: 2 });
  assert.deepEqual(applicableMigrations(upgraded.config), []);
  await upgraded.saveSnapshot(snapshot);
  await assert.rejects(upgradeToVersion2(upgraded, { keepCopy: () => assert.fail() }), { code: 'request.conflict' });
});

test('nothing is changed where the storage cannot replace a config, the check finds damage, or the copy fails', async () => {
  const mover = await versionOne();
  await assert.rejects(upgradeToVersion2(mover.old, { keepCopy: () => assert.fail() }), {
    code: 'storage.unsupported',
    message: /memory cannot replace/,
  });
  const damaged = await versionOne();
  withReplacing(damaged.target).objects.delete(`data:${damaged.target.ids('data')[0]}`);
  await assert.rejects(upgradeToVersion2(damaged.old, { keepCopy: () => assert.fail() }), {
    code: 'repository.damaged',
    message: /is missing/,
  });
  const full = await versionOne();
  withReplacing(full.target);
  const keepCopy = async (): Promise<never> => {
    throw new HoldfastError('storage.full');
  };
  await assert.rejects(upgradeToVersion2(full.old, { keepCopy }), { code: 'storage.full' });
  for (const { target, sealed } of [mover, damaged, full]) assert.deepEqual(target.objects.get('config:'), sealed);
});

test('locks of a version 1 repository are plain, as its programs expect them', async () => {
  const { target, old } = await versionOne();
  await using _lock = await old.lock({ exclusive: true });
  const [id] = target.ids('lock');
  const plain = old.cipher.tryOpen(target.objects.get(`lock:${id}`) ?? new Uint8Array());
  assert.match(String(plain), /"exclusive":true/);
});
