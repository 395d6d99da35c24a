import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { createTestInstallation } from '@holdfast/wire/testing';
import { compareFolders } from '../demonstration/comparison.ts';
import { jsonResult, runCli, runProgram } from '../testing/run-cli.ts';
import { makeSampleFolder } from '../testing/sample-folder.ts';

/** The stand-alone commands over TLS, on restic's own server with the certificate of a host. */

const programName = 'restic-rest-server';

describe('stand-alone commands over REST', { skip: skipUnless({ programs: [programName, 'restic'] }) }, () => {
  const folder = temporaryFolder({ after });
  const source = makeSampleFolder(join(folder, 'source'));
  const ca = join(folder, 'ca.pem');
  let server: ChildProcess;
  let address = '';

  before(async () => {
    const installation = await createTestInstallation();
    const leaf = await installation.issue({ role: 'mover', uri: 'https://backup.example/' });
    writeFileSync(ca, installation.caPem);
    writeFileSync(join(folder, 'certificate.pem'), leaf.certificatePem);
    writeFileSync(join(folder, 'key.pem'), leaf.privateKeyPem, { mode: 0o600 });
    mkdirSync(join(folder, 'data'));
    const { path } = requireProgram(programName);
    const tls = ['--tls', '--tls-cert', join(folder, 'certificate.pem'), '--tls-key', join(folder, 'key.pem')];
    server = spawn(path, ['--path', join(folder, 'data'), '--listen', '127.0.0.1:0', '--no-auth', ...tls], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const lines: AsyncIterable<string>[] = [server.stdout, server.stderr].flatMap((stream) =>
      stream ? [createInterface(stream)] : [],
    );
    const port = await Promise.race([...lines.map(portIn), once(server, 'exit').then(() => undefined)]);
    assert.ok(port, `${programName} did not start`);
    address = `rest:https://127.0.0.1:${port}/laptops/`;
  });
  after(async () => {
    if (server.exitCode !== null) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  });

  test('a round trip, which restic agrees with', async () => {
    const since = new Date();
    const env = { RESTIC_REPOSITORY: address, RESTIC_PASSWORD: 'correct horse', RESTIC_CACERT: ca };
    const missing = await runCli(['snapshots'], { env });
    assert.equal(missing.status, 10, missing.stderr);
    for (const args of [
      ['repo', 'init'],
      ['backup', source],
      ['check', '--read-data'],
    ]) {
      const result = await runCli(args, { env });
      assert.equal(result.status, 0, `${args.join(' ')}: ${result.stderr}${result.stdout}`);
    }
    const check = await runProgram(requireProgram('restic').path, ['--no-cache', 'check', '--read-data'], { env });
    assert.equal(check.status, 0, check.stdout + check.stderr);
    const restored = await runCli(['restore', 'latest', '--target', join(folder, 'restored'), '--json'], { env });
    assert.equal(jsonResult<{ complete: boolean }>(restored.stdout).complete, true);
    const report = await compareFolders({
      source,
      restored: join(folder, 'restored', source),
      leftOut: new Set(),
      since,
    });
    assert.deepEqual(report.differences, []);
  });

  test('a copy onto the server and back, which restic agrees with', async () => {
    const password = join(folder, 'password');
    writeFileSync(password, 'correct horse\n');
    const elsewhere = address.replace('/laptops/', '/copies/');
    const local = join(folder, 'local');
    const env = { RESTIC_PASSWORD_FILE: password, RESTIC_FROM_PASSWORD_FILE: password, RESTIC_CACERT: ca };
    for (const args of [
      ['repo', 'init', '-r', local],
      ['backup', source, '-r', local],
      ['repo', 'init', '-r', elsewhere],
      ['copy', '--from-repo', local, '-r', elsewhere],
      ['repo', 'init', '-r', join(folder, 'back')],
      ['copy', '--from-repo', elsewhere, '-r', join(folder, 'back')],
    ]) {
      const result = await runCli(args, { env });
      assert.equal(result.status, 0, `${args.join(' ')}: ${result.stderr}${result.stdout}`);
    }
    const { path } = requireProgram('restic');
    const trees: string[] = [];
    for (const repository of [local, elsewhere, join(folder, 'back')]) {
      const check = await runProgram(path, ['--no-cache', '-r', repository, 'check', '--read-data'], { env });
      assert.equal(check.status, 0, check.stdout + check.stderr);
      const listed = await runProgram(path, ['--no-cache', '-r', repository, 'snapshots', '--json'], { env });
      const [snapshot] = jsonResult<{ tree: string }[]>(listed.stdout);
      trees.push(snapshot?.tree ?? '');
    }
    assert.notEqual(trees[0], '');
    assert.equal(new Set(trees).size, 1);
  });

  test('the CA is the one given, or one of the system, and must be the right one', async () => {
    const env = { RESTIC_PASSWORD: 'correct horse', SSL_CERT_FILE: '/dev/null', SSL_CERT_DIR: '/dev/null' };
    const none = await runCli(['snapshots', '--repo', address], { env });
    assert.notEqual(none.status, 0);
    assert.match(none.stderr, /--cacert/);
    const trusted = await runCli(['snapshots', '--repo', address], { env: { ...env, SSL_CERT_FILE: ca } });
    assert.equal(trusted.status, 0, trusted.stderr);
    const other = join(folder, 'other-ca.pem');
    writeFileSync(other, (await createTestInstallation()).caPem);
    const wrong = await runCli(['snapshots', '--repo', address, '--cacert', other], { env });
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /client-to-mover[\s\S]*Code: channel\./);
  });

  test('a file that holds no client certificate is refused before anything is asked', async () => {
    const env = { RESTIC_PASSWORD: 'correct horse', RESTIC_CACERT: ca };
    const keyless = await runCli(['snapshots', '--repo', address, '--tls-client-cert', ca], { env });
    assert.equal(keyless.status, 2);
    assert.match(keyless.stderr, /not a certificate with its private key/);
    const both = join(folder, 'client.pem');
    const files = ['key.pem', 'certificate.pem'].map((name) => readFileSync(join(folder, name), 'utf8'));
    writeFileSync(both, files.join('\n'), { mode: 0o600 });
    const shown = await runCli(['snapshots', '--repo', address], { env: { ...env, RESTIC_TLS_CLIENT_CERT: both } });
    assert.equal(shown.status, 0, shown.stderr);
  });
});

async function portIn(lines: AsyncIterable<string>): Promise<string | undefined> {
  for await (const line of lines) {
    const found = /start server on .*:(\d+)$/.exec(line);
    if (found) return found[1];
  }
  return new Promise(() => undefined);
}
