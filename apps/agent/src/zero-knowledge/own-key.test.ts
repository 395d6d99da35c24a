import assert from 'node:assert/strict';
import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { loadOwnKey, ownKeyPath, saveOwnKey } from './own-key.ts';

test('a key of its own is kept for root alone, and one that can not be trusted is no missing one', async (t) => {
  const dataDir = join(temporaryFolder(t), 'agent');
  assert.equal(await loadOwnKey(dataDir), undefined);
  const key = { version: 1, password: 'correct horse', createdAt: '2026-01-01T00:00:00.000Z' } as const;
  await saveOwnKey(dataDir, key);
  const path = ownKeyPath(dataDir);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(await loadOwnKey(dataDir), key);

  chmodSync(path, 0o640);
  await assert.rejects(loadOwnKey(dataDir), { code: 'usage.configuration', message: /can be read by others/ });
  chmodSync(path, 0o600);
  for (const content of ['', '{}', JSON.stringify({ ...key, password: '' })]) {
    writeFileSync(path, content);
    await assert.rejects(loadOwnKey(dataDir), { code: 'usage.configuration' });
  }
});
