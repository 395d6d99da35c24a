import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { encodeLockFile, type LockFile, newLockFile } from '../format/lock-file.ts';
import { encodeFile } from '../format/unpacked-file.ts';
import { type Sample, sampleRepository } from '../testing/sample-repository.ts';
import { removeLocks } from './unlock.ts';

async function plant({ repository, target }: Sample, fields: Partial<LockFile>): Promise<string> {
  const file = encodeFile(repository.cipher, encodeLockFile({ ...newLockFile(new Date(), false), ...fields }));
  await target.create({ type: 'lock', id: file.id }, [file.bytes]);
  return file.id;
}

test('abandoned locks go, living ones stay unless all are to go, and unreadable ones are named', async () => {
  const sample = await sampleRepository();
  const { repository, target } = sample;
  const { signal } = new AbortController();
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  await plant(sample, { pid: dead });
  await plant(sample, { hostname: 'elsewhere', time: new Date(Date.now() - 31 * 60_000).toISOString() });
  const living = [await plant(sample, {}), await plant(sample, { hostname: 'elsewhere', pid: dead })];
  const unreadable = '0'.repeat(64);
  target.objects.set(`lock:${unreadable}`, new Uint8Array(100));
  const problems: HoldfastError[] = [];
  const onProblem = (problem: HoldfastError): void => void problems.push(problem);
  assert.equal(await removeLocks(repository, { all: false, onProblem, signal }), 2);
  assert.equal(problems.length, 1);
  assert.deepEqual(target.ids('lock').sort(), [...living, unreadable].sort());
  assert.equal(await removeLocks(repository, { all: true, onProblem, signal }), 3);
  assert.deepEqual(target.ids('lock'), []);
});

test('a lock that may not be deleted is named, and the others go', async () => {
  const sample = await sampleRepository();
  const { repository, target } = sample;
  const first = await plant(sample, {});
  await plant(sample, { hostname: 'elsewhere' });
  target.fail = (call, name) => {
    if (call === 'delete' && name.id === first) throw new HoldfastError('grant.mode');
  };
  const problems: string[] = [];
  const onProblem = ({ code }: HoldfastError): void => void problems.push(code);
  assert.equal(await removeLocks(repository, { all: true, onProblem, signal: new AbortController().signal }), 1);
  assert.deepEqual(problems, ['grant.mode']);
});
