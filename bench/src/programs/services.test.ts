import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { ProgramFailure } from '../program-failure.ts';
import { serveRestServer } from './rest-service.ts';
import { startServer } from './server-process.ts';

const never = new AbortController().signal;
const node = (code: string) => ({ file: process.execPath, args: ['-e', code], env: {} });

test('a server is ready when it says so, and ends when it is told to', async () => {
  const server = await startServer(
    node('console.log("listening on 12345"); setInterval(() => {}, 1000)'),
    /listening on (\d+)/,
    never,
  );
  assert.equal(server.ready[1], '12345');
  await server.stop();
  assert.throws(() => process.kill(server.pid, 0), { code: 'ESRCH' });
  await server.stop();
});

test('a server that ends instead says why, as a failure of its program', async () => {
  await assert.rejects(
    startServer(node('console.error("no port"); process.exitCode = 4'), /never said/, never),
    (error) =>
      error instanceof ProgramFailure && error.kind === 'failed' && /ended with 4: no port/.test(error.message),
  );
});

test('an aborted wait ends the server', async () => {
  const stop = new AbortController();
  const starting = startServer(node('setInterval(() => {}, 1000)'), /never said/, stop.signal);
  stop.abort();
  await assert.rejects(starting, { name: 'AbortError' });
});

test("restic works with its REST server over the benchmark's certificate", {
  skip: skipUnless({ programs: ['restic', 'restic-rest-server', 'openssl'] }),
}, async (t) => {
  const folder = temporaryFolder(t);
  const service = await serveRestServer(requireProgram('restic-rest-server').path, folder, never);
  try {
    const { address, caFile } = service.remote;
    const { status, stderr } = spawnSync(
      requireProgram('restic').path,
      ['--repo', address, '--cacert', caFile, '--no-cache', 'init'],
      { encoding: 'utf8', env: { RESTIC_PASSWORD: 'x', HOME: join(folder, 'home') } },
    );
    assert.equal(status, 0, stderr);
  } finally {
    await service.stop();
  }
});
