import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exitStatus } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { runCli } from '../testing/run-cli.ts';

// What it finds between two computers is tested on a network of its own: tests/src/lab/ports-check.test.ts.

const topology = `name: check
zones:
  centre: { addresses: [10.1.0.0/16] }
hosts:
  server: { zone: centre, addresses: [10.1.0.10], roles: [backup-server] }
  store: { zone: centre, addresses: [10.1.0.11], roles: [repository-linux] }
  web: { zone: centre, addresses: [10.1.1.21], roles: [agent-linux], uses: [store] }
`;

function files(t: TestContext): { readonly file: string; readonly secret: string } {
  const folder = temporaryFolder(t);
  const [file, secret] = [join(folder, 'topology.yaml'), join(folder, 'secret')];
  writeFileSync(file, topology);
  writeFileSync(secret, `${randomBytes(32).toString('base64')}\n`);
  return { file, secret };
}

test('what is wrong with the options is said before anything is tried', async (t) => {
  const { file, secret } = files(t);
  const check = (...args: string[]) => runCli(['ports', 'check', file, ...args]);
  const host = await check('--secret-file', secret, '--host', 'wbe');
  assert.equal(host.status, exitStatus.usage);
  assert.match(host.stderr, /--host wbe: the topology has no such host[^]*server, store, web/);
  const missing = await check('--secret-file', `${secret}.not`, '--host', 'web');
  assert.equal(missing.status, exitStatus.usage);
  assert.match(missing.stderr, /openssl rand -base64 32/);
  writeFileSync(secret, 'swordfish');
  const short = await check('--secret-file', secret, '--host', 'web', '--listen');
  assert.equal(short.status, exitStatus.usage);
  assert.match(short.stderr, /The secret has 9 bytes/);
  const idle = await check('--secret-file', secret, '--host', 'web', '--idle', '2d');
  assert.equal(idle.status, exitStatus.usage);
});
