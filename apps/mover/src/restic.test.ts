import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { programs, temporaryFolder } from '@holdfast/core/testing';
import { type MoverFixture, startFixture } from './testing/mover-fixture.ts';

/** An unmodified restic, every version that is installed, against a real mover over TLS. */

interface Result {
  readonly status: number | null;
  readonly output: string;
}

function run(program: string, args: readonly string[], environment: Record<string, string>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 170_000,
    });
    let output = '';
    child.stdout.on('data', (piece: Buffer) => {
      output += piece.toString();
    });
    child.stderr.on('data', (piece: Buffer) => {
      output += piece.toString();
    });
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, output }));
  });
}

async function resticFor(fixture: MoverFixture, folder: string, program: string, repository: string) {
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, fixture.installation.caPem);
  return async (mode: 'append' | 'read' | 'maintain', ...args: string[]): Promise<Result> => {
    const grant = await fixture.grant({ mode, repository, subject: 'administrator/restic', fingerprint: undefined });
    return run(program, ['--cacert', caFile, '--no-cache', ...args], {
      RESTIC_REPOSITORY: `rest:https://anyone:${encodeURIComponent(grant)}@127.0.0.1:${fixture.mover.port}/local/${repository}/`,
      RESTIC_PASSWORD: 'correct horse',
    });
  };
}

const found = programs('restic');
if (found.length === 0) test('restic over its REST URL', { skip: 'needs the program restic (npm run peers)' });

for (const { path, version } of found) {
  test(`restic ${version} initialises, backs up, checks, restores, forgets and prunes over the mover`, {
    timeout: 600_000,
  }, async (t) => {
    const fixture = await startFixture(t);
    const folder = temporaryFolder(t);
    const source = join(folder, 'source');
    mkdirSync(source);
    for (let index = 0; index < 20; index += 1)
      writeFileSync(join(source, `file ${index}`), randomBytes(200_000 * index));
    await fixture.place('repo');
    const restic = await resticFor(fixture, folder, path, 'repo');
    const ok = async (...args: Parameters<typeof restic>): Promise<string> => {
      const { status, output } = await restic(...args);
      assert.equal(status, 0, `${args.join(' ')}: ${output}`);
      // It was told to wait or to try again: then an answer was not what restic expects.
      assert.doesNotMatch(output, /retr(y|ied|ying)|unexpected HTTP/i);
      return output;
    };
    await ok('append', 'init');
    await ok('append', 'backup', source);
    writeFileSync(join(source, 'later'), randomBytes(3_000_000));
    await ok('append', 'backup', source);
    await ok('append', 'check', '--read-data');
    const target = join(folder, 'target');
    await ok('read', 'restore', 'latest', '--target', target);
    for (const name of ['file 0', 'file 7', 'file 19', 'later'])
      assert.deepEqual(readFileSync(join(target, source, name)), readFileSync(join(source, name)));
    // Older ones repeat what was refused for a quarter of an hour.
    if (Number(version.split('.')[1]) >= 17) {
      const refused = await restic('append', 'forget', '--keep-last', '1', '--prune');
      assert.equal(refused.status, 3, refused.output);
    }
    await ok('maintain', 'forget', '--keep-last', '1', '--prune');
    await ok('read', 'check', '--read-data');
    assert.match(await ok('read', 'snapshots', '--json'), /"short_id"/);
  });
}

const newest = found.find(({ version }) => Number(version.split('.')[1]) >= 17);

test('restic shows the certificate that its grant is bound to; without it the grant is good for nobody', {
  skip: newest ? false : 'needs restic 0.17 or newer (npm run peers)',
}, async (t) => {
  const fixture = await startFixture(t);
  const folder = temporaryFolder(t);
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, fixture.installation.caPem);
  await fixture.place('bound');
  const bound = async (pem: string, fingerprint: string) => {
    const file = join(folder, `${fingerprint}.pem`);
    writeFileSync(file, pem, { mode: 0o600 });
    const grant = { mode: 'append', repository: 'bound', subject: 'service-account/nas', fingerprint } as const;
    const environment = {
      RESTIC_REPOSITORY: `rest:https://127.0.0.1:${fixture.mover.port}/local/bound/`,
      ...{ RESTIC_REST_USERNAME: 'grant', RESTIC_REST_PASSWORD: await fixture.grant(grant) },
      RESTIC_PASSWORD: 'correct horse',
    };
    const restic = (shown: string | undefined, ...args: string[]): Promise<Result> =>
      run(
        newest?.path ?? '',
        ['--cacert', caFile, '--no-cache', ...(shown === undefined ? [] : ['--tls-client-cert', shown]), ...args],
        environment,
      );
    return { file, restic };
  };
  const [one, agent] = await Promise.all(
    (['machine', 'agent'] as const).map((role) => fixture.installation.issue({ role })),
  );
  if (!one || !agent) throw new Error('no certificates');
  const machine = await bound(`${one.privateKeyPem}\n${one.certificatePem}`, one.fingerprint);
  const computer = await bound(`${agent.privateKeyPem}\n${agent.certificatePem}`, agent.fingerprint);
  const made = await machine.restic(machine.file, 'init');
  assert.equal(made.status, 0, made.output);
  for (const { file, restic } of [machine, computer]) {
    const good = await restic(file, 'cat', 'config');
    assert.equal(good.status, 0, good.output);
    for (const shown of [undefined, file === machine.file ? computer.file : machine.file]) {
      const { status, output } = await restic(shown, 'cat', 'config');
      assert.notEqual(status, 0, output);
      assert.doesNotMatch(output, /chunker_polynomial/);
    }
  }
});
