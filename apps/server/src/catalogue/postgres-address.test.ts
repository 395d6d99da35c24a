import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { passwordVariable, readPostgresAddress } from './postgres-address.ts';

const read = (url: string, o: { passwordFile?: string; environment?: Record<string, string> } = {}) =>
  readPostgresAddress({ url, passwordFile: o.passwordFile, environment: o.environment ?? {} });

test('a server on another computer has to prove who it is, unless that is switched off', async () => {
  const address = await read('postgres://holdfast@db.example/catalogue');
  assert.deepEqual(address.tls, { mode: 'verify', caPem: undefined });
  assert.deepEqual(
    [address.host, address.port, address.user, address.database],
    ['db.example', 5432, 'holdfast', 'catalogue'],
  );
  assert.deepEqual((await read('postgres://h@10.1.2.3:6432/c?sslmode=disable')).tls, { mode: 'off' });
  assert.deepEqual((await read('postgres://h@127.0.0.1/c')).tls, { mode: 'off' });
  assert.deepEqual((await read('postgres://h@[::1]:5433/c')).tls, { mode: 'off' });
  assert.deepEqual((await read('postgres://h@[2001:db8::1]/c')).tls, { mode: 'verify', caPem: undefined });
  assert.equal((await read('postgres://h@localhost/c?host=/run/postgresql')).host, '/run/postgresql');
});

test('the password comes from a file of its owner only, or from the environment, and never from the URL', async (t) => {
  const environment = { [passwordVariable]: 'of the environment' };
  const url = 'postgres://h@db.example/c';
  assert.equal((await read(url, { environment })).password, 'of the environment');
  const passwordFile = join(temporaryFolder(t), 'password');
  writeFileSync(passwordFile, 'of the file\n', { mode: 0o600 });
  assert.equal((await read(url, { environment, passwordFile })).password, 'of the file');
  const open = join(temporaryFolder(t), 'open');
  writeFileSync(open, 'seen by all', { mode: 0o644 });
  if (process.platform !== 'win32')
    await assert.rejects(read(url, { passwordFile: open }), { code: 'usage.configuration', message: /mode 644/ });
  const leaked = await read('postgres://h:geheim@db.example/c').catch((error: unknown) => error);
  assert.ok(leaked instanceof Error);
  assert.doesNotMatch(leaked.message, /geheim/);
});

for (const url of [
  'mysql://h@db.example/c',
  'db.example',
  'postgres://db.example/c',
  'postgres://h@db.example',
  'postgres://h@db.example/c?sslmode=require',
  'postgres://h@db.example/c?options=-cfsync%3Doff',
])
  test(`${url} is refused`, async () => {
    await assert.rejects(read(url), { code: 'usage.configuration' });
  });
