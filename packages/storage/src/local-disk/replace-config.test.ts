import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { openLocalDisk } from './open-local-disk.ts';

const config = { type: 'config', id: '' } as const;

test('a config is replaced only by whoever knows the present one, and leaves nothing else behind', async (t) => {
  const path = join(temporaryFolder(t), 'repository');
  await using target = await openLocalDisk({ path, create: true });
  await assert.rejects(target.replaceConfig(Buffer.from('new'), { expected: Buffer.from('old') }), {
    code: 'storage.missing',
  });
  await target.create(config, [Buffer.from('old')]);
  await assert.rejects(target.replaceConfig(Buffer.from('new'), { expected: Buffer.from('other') }), {
    code: 'storage.exists',
  });
  assert.equal(readFileSync(join(path, 'config'), 'utf8'), 'old');
  await target.replaceConfig(Buffer.from('new'), { expected: Buffer.from('old') });
  assert.equal(readFileSync(join(path, 'config'), 'utf8'), 'new');
  const stopped = target.replaceConfig(Buffer.from('newer'), {
    expected: Buffer.from('new'),
    signal: AbortSignal.abort(),
  });
  await assert.rejects(stopped, { code: 'run.cancelled' });
  assert.equal(readFileSync(join(path, 'config'), 'utf8'), 'new');
  // A second one is still refused, and no temporary file is left.
  await assert.rejects(target.create(config, [Buffer.from('x')]), { code: 'storage.exists' });
  const all = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.deepEqual(
    all.map(({ name }) => name),
    ['config'],
  );
});

test('a config that is kept until a date is not replaced before', async (t) => {
  const path = join(temporaryFolder(t), 'repository');
  const clock = new ManualClock();
  await using target = await openLocalDisk({ path, create: true, clock });
  await target.create(config, [Buffer.from('old')]);
  const replace = (): Promise<void> => target.replaceConfig(Buffer.from('new'), { expected: Buffer.from('old') });
  await target.retention.set(config, new Date(clock.now().getTime() + 1000));
  await assert.rejects(replace(), { code: 'storage.immutable' });
  clock.advance(2000);
  await replace();
});
