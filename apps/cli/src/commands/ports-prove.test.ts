import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exitStatus } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { startServer } from '@holdfast/server';
import { pino } from 'pino';
import { jsonResult, runCli } from '../testing/run-cli.ts';

const proof = {
  kind: 'proof',
  topology: 'main-job',
  startedAt: '2026-11-21T10:00:00.000Z',
  notClosed: [],
  holds: true,
};

/** A server, a proof in a file, and the server's keys in another one. */
async function fixture(t: TestContext) {
  const folder = temporaryFolder(t);
  const server = await startServer({
    dataDir: join(folder, 'server'),
    config: {
      bind: '127.0.0.1',
      ports: {
        'client-to-server': 0,
        'windows-agent-control': 0,
        'posix-agent-control': 0,
        'recovery-media-credential-sign-in': 0,
      },
    },
    logger: pino({ level: 'silent' }),
  });
  t.after(() => server[Symbol.asyncDispose]());
  const access = ['--server', `127.0.0.1:${server.portOf('client-to-server')}`];
  access.push('--token-file', server.tokenFile, '--cacert', server.caFile);
  const file = join(folder, 'proof.json');
  const keys = join(folder, 'server.json');
  const write = (document: unknown): void => writeFileSync(file, `${JSON.stringify(document)}\n`);
  write(proof);
  const status = await runCli(['status', '--json', ...access]);
  assert.equal(status.status, 0, status.stderr);
  writeFileSync(keys, status.stdout);
  const prove = (...args: readonly string[]) => runCli(['ports', 'prove', ...args]);
  return {
    ...{ folder, file, keys, write, prove },
    sign: () => prove('--sign', file, ...access),
    verify: (...args: readonly string[]) => prove('--verify', file, '--keys', keys, ...args),
  };
}

test('a proof is signed at the server, and verified without it', async (t) => {
  const { file, sign, verify } = await fixture(t);
  const signed = await sign();
  assert.equal(signed.status, 0, signed.stderr);
  assert.match(readFileSync(`${file}.jws`, 'utf8'), /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  const verified = await verify();
  assert.equal(verified.status, 0, verified.stderr);
  assert.match(verified.stdout, /The signature fits.*\n.*administrator.*submitted.*neither made nor checked/);
  assert.match(verified.stdout, /proof for main-job, of 2026-11-21T10:00:00.000Z, holds/);
  const { holds, sha256 } = jsonResult<{ holds: boolean; sha256: string }>((await verify('--json')).stdout);
  assert.deepEqual({ holds, digits: sha256.length }, { holds: true, digits: 64 });

  writeFileSync(file, readFileSync(file, 'utf8').replace('main-job', 'main-jot'));
  const changed = await verify();
  assert.equal(changed.status, exitStatus.failed);
  assert.match(changed.stderr, /not the one that was signed[^]*proof\.signature/);
});

test('a signed proof that does not hold, or leaves rules out, says so', async (t) => {
  const { write, sign, verify } = await fixture(t);
  write({ ...proof, holds: false, notClosed: ['a>b:tcp/1'] });
  assert.equal((await sign()).status, 0);
  const { status, stdout } = await verify();
  assert.equal(status, exitStatus.failed);
  assert.match(stdout, /does NOT hold[^]*leaves 1 rules? out/);
});

test('what is no proof, no key or no sensible request is refused before anything is signed or believed', async (t) => {
  const { folder, file, keys, write, sign, prove } = await fixture(t);
  write({ kind: 'status' });
  const refused = await sign();
  assert.equal(refused.status, exitStatus.usage);
  assert.match(refused.stderr, /is no proof/);
  write(proof);
  await sign();
  for (const [args, said] of [
    [['--verify', file, '--keys', file], /holds no keys of a server/],
    [['--verify', file, '--keys', join(folder, 'none')], /could not be read \(ENOENT\)/],
    [['--verify', keys, '--keys', keys], /signature .* could not be read \(ENOENT\)/],
    [['--verify', file], /--verify together with --keys/],
    [['topology.yaml', '--verify', file, '--keys', keys], /--verify together with --keys/],
    [[], /Give a topology/],
  ] as const) {
    const { status, stderr } = await prove(...args);
    assert.equal(status, exitStatus.usage, stderr);
    assert.match(stderr, said);
  }
});

test('a result that could not be written is known before the proof', async (t) => {
  const folder = temporaryFolder(t);
  const topology = join(folder, 'topology.yaml');
  writeFileSync(
    topology,
    'name: t\nzones: {z: {}}\nhosts: {s: {zone: z, addresses: [10.0.0.1], roles: [backup-server]}}\n',
  );
  for (const option of ['--out', '--matrix']) {
    const file = join(folder, 'nowhere', 'proof.json');
    const refused = await runCli(['ports', 'prove', topology, option, file]);
    assert.equal(refused.status, exitStatus.usage);
    assert.ok(refused.stderr.includes(`${file} can't be written: ENOENT`), refused.stderr);
  }
});
