import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { compareFolders } from '../demonstration/comparison.ts';
import {
  type CliResult,
  jsonLines,
  jsonResult,
  type RunningCli,
  runCli,
  runProgram,
  startCli,
} from '../testing/run-cli.ts';
import { portsApart } from '../testing/running-system.ts';
import { makeSampleFolder } from '../testing/sample-folder.ts';

/** The commands that talk to a server, on the real system of one computer: `holdfast up` on ports of its own. */

interface Identified {
  readonly id: string;
}

/** Ports apart from the contract's and from those of other test runs; one that is taken all the same falls back to a free one. */
const firstPort = 24_000 + (process.pid % 1500) * 5;
const ports = portsApart({ firstPort, firstDataPort: 23_100 });

describe('commands that talk to the server', { skip: skipUnless({ platform: 'linux' }) }, () => {
  const folder = temporaryFolder({ after });
  const data = join(folder, 'data');
  const source = makeSampleFolder(join(folder, 'source'));
  const since = new Date();
  let system: RunningCli;

  const holdfast = (command: string, ...args: string[]): Promise<CliResult> =>
    runCli([...command.split(' '), ...args], { env: { HOLDFAST_DATA: data } });
  async function answer<Form>(command: string, ...args: string[]): Promise<Form> {
    const { status, stdout, stderr } = await holdfast(command, ...args, '--json');
    assert.equal(status, 0, `${command} ${args.join(' ')}: ${stderr}${stdout}`);
    return jsonResult<Form>(stdout);
  }
  async function assertSame(restored: string): Promise<void> {
    const report = await compareFolders({ source, restored: join(restored, source), leftOut: new Set(), since });
    assert.deepEqual(report.differences, []);
    assert.equal(report.files, 5);
  }

  before(async () => {
    const config = join(folder, 'config.json');
    writeFileSync(config, JSON.stringify({ ports }));
    system = startCli(['up', '--data', data, '--config', config]);
    const said: string[] = [];
    const ready = (async () => {
      assert.ok(system.child.stderr);
      for await (const line of createInterface(system.child.stderr)) {
        said.push(line);
        if (line.startsWith('Running until')) return true;
      }
      return false;
    })();
    assert.ok(await ready, said.join('\n'));
    system.child.stderr?.resume();
  });
  after(async () => {
    const exited = once(system.child, 'exit');
    system.child.kill('SIGINT');
    await exited;
  });

  test('status, computers, tokens, audit and channel use', async () => {
    const status = await answer<{ server: { listening: unknown[] }; computers: { role: string; state: string }[] }>(
      'status',
    );
    assert.ok(status.server.listening.length > 0);
    assert.deepEqual(status.computers.map(({ role, state }) => `${role} ${state}`).sort(), [
      'agent online',
      'mover online',
    ]);
    assert.match((await holdfast('status')).stdout, /Agents: 1 online, 0 offline\. Movers: 1 online/);
    assert.equal((await answer<{ computers: unknown[] }>('computers list', '--role', 'mover')).computers.length, 1);

    const file = join(folder, 'join-token');
    const made = await answer<Identified & { token?: string }>(
      'token create',
      '--role',
      'agent',
      '--out',
      file,
      '--lifetime',
      '10m',
    );
    assert.equal(made.token, undefined, 'a token in a file is not shown');
    assert.match(readFileSync(file, 'utf8'), /^hfj_\S{40,}\n$/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const listed = await answer<{ tokens: Identified[] }>('token list');
    assert.ok(listed.tokens.some(({ id }) => id === made.id));
    await answer('token delete', made.id.slice(0, 8));
    assert.ok(!(await answer<{ tokens: Identified[] }>('token list')).tokens.some(({ id }) => id === made.id));
    assert.equal((await holdfast('token delete', made.id)).status, 1);

    const { records } = await answer<{ records: { action: string }[] }>('audit', '--limit', '10');
    assert.ok(records.some(({ action }) => action === 'createToken'));
    const use = await answer<{ processes: { role: string }[] }>('channel-use');
    assert.deepEqual(use.processes.map(({ role }) => role).sort(), ['agent', 'mover', 'server']);
  });

  test('protection groups, and a pre-installed agent that joins with the exported file alone', async (t) => {
    await answer('groups create', 'kiosks', '--type', 'preinstalled');
    await answer('groups create', 'web', '--exclude', 'test-*');
    await answer('groups add', 'web', 'web1', 'web2', '--comment', 'rack 3');
    assert.equal((await holdfast('groups add', 'web', 'test-1')).status, 1);
    await answer('groups forget', 'web', 'web2');
    assert.match((await holdfast('computers list', '--state', 'unmanaged')).stdout, /web1 +unmanaged +web .*rack 3/);
    assert.match((await holdfast('groups rescan', 'web')).stdout, /1 expected, 1 of these unmanaged/);
    const list = join(folder, 'shops.csv');
    writeFileSync(list, 'name,comment\ntill-1,"left, below"\n');
    await answer('groups create', 'shops', '--type', 'csv', '--no-rescan');
    const uploaded = await answer<{ listed: number }>('groups upload', 'shops', list);
    assert.equal(uploaded.listed, 1);
    await answer('groups disable', 'shops');
    assert.match((await holdfast('groups list')).stdout, /shops +csv +disabled +on request/);
    assert.equal((await holdfast('groups delete', 'shops')).status, 2, 'not without --yes');
    await answer('groups delete', 'shops', '--yes');

    const file = join(folder, 'kiosks.json');
    await answer('group export', 'kiosks', '--server-name', '192.0.2.1', '--server-name', '127.0.0.1', '--out', file);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const exported = JSON.parse(readFileSync(file, 'utf8')) as { servers: { host: string }[] };
    // At the first address nothing listens.
    writeFileSync(
      file,
      JSON.stringify({ ...exported, servers: [{ ...exported.servers[1], enrolmentPort: 1 }, exported.servers[1]] }),
    );
    const kiosk = join(folder, 'kiosk');
    const joined = await runCli(['enroll', '--config', file, '--data', kiosk]);
    assert.equal(joined.status, 0, joined.stderr);
    const again = await runCli(['enroll', '--config', file, '--data', join(folder, 'kiosk-2')]);
    assert.equal(again.status, 1);
    assert.match(again.stderr, /auth\.token/);
    assert.equal((await runCli(['enroll', '--config', file, '--role', 'agent'])).status, 2);
    assert.equal((await runCli(['enroll', '--role', 'agent'])).status, 2);
    const agent = startCli(['agent', '--data', kiosk]);
    t.after(async () => {
      agent.child.kill('SIGTERM');
      await agent.ended;
    });
    const id = /Enrolled as agent (\S+)\./.exec(joined.stdout)?.[1] ?? '';
    const online = async () =>
      (await answer<{ computers: Identified[] }>('computers list', '--state', 'online', '--group', 'kiosks')).computers;
    while ((await online()).every((one) => one.id !== id)) assert.equal(agent.child.exitCode, null, 'the agent runs');
    const refused = await holdfast('computers rescan', id);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /can not be rescanned/);
    await answer('computers move', id, 'web');
    assert.equal((await holdfast('groups delete', 'web', '--yes')).status, 1, 'it has a computer');
    await answer('computers revoke', id, '--yes');
    await answer('groups delete', 'web', '--move-to', 'default', '--yes');
  });

  test('a server that is named instead of found, and a wrong token', async () => {
    const { port, caFile, tokenFile } = JSON.parse(readFileSync(join(data, 'connection.json'), 'utf8')) as Record<
      string,
      string | number
    >;
    const place = ['--server', `127.0.0.1:${port}`, '--cacert', String(caFile)];
    const named = await runCli(['status', ...place, '--token-file', String(tokenFile)]);
    assert.equal(named.status, 0, named.stderr);
    const wrong = join(folder, 'wrong-token');
    writeFileSync(wrong, `hfa_${'x'.repeat(43)}\n`);
    const refused = await runCli(['status', ...place, '--token-file', wrong]);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /Code: auth\.required/);
    assert.doesNotMatch(refused.stderr, /hfa_/);
  });

  test('a repository, a job, a run, a restore, and a grant for restic and for ourselves', async () => {
    await answer('repo create', 'laptops');
    assert.equal((await holdfast('repo create', 'laptops')).status, 1, 'a second of that name is refused');
    const computers = await answer<{ computers: { hostname: string }[] }>('computers list', '--role', 'agent');
    const host = computers.computers[0]?.hostname ?? '';
    await answer('job create', 'homes', source, '--agent', host, '--repository', 'laptops', '--tag', 'daily');
    assert.equal((await holdfast('job create', 'x', '/', '--agent', 'nobody', '--repository', 'laptops')).status, 1);
    const ran = await holdfast('job run', 'homes', '--json', '--json-progress');
    assert.equal(ran.status, 0, ran.stderr);
    const { run } = jsonResult<{ run: Identified & { state: string; result: { snapshotId: string } } }>(ran.stdout);
    assert.equal(run.state, 'succeeded');
    assert.equal(jsonLines(ran.stdout).filter(({ kind }) => kind === 'run').length, 1);
    assert.match((await holdfast('run show', run.id.slice(0, 8))).stdout, /succeeded[\s\S]*Snapshot/);
    assert.match((await holdfast('run list', '--job', 'homes')).stdout, new RegExp(run.id));
    const catalogue = await answer<{ snapshots: Identified[] }>('snapshots', '--tag', 'daily');
    assert.deepEqual(
      catalogue.snapshots.map(({ id }) => id),
      [run.result.snapshotId],
    );

    const restored = await holdfast(
      'restore',
      run.result.snapshotId.slice(0, 10),
      '--agent',
      host,
      '--target',
      join(folder, 'managed'),
    );
    assert.equal(restored.status, 0, restored.stderr);
    await assertSame(join(folder, 'managed'));
    assert.equal((await holdfast('restore', 'latest', '--target', 'relative')).status, 2);

    const secret = await holdfast('repo password', 'laptops');
    assert.equal(secret.status, 2, 'secrets go where somebody said');
    const access = join(folder, 'access');
    const granted = await holdfast('grant create', 'laptops', '--for-restic', '--out', access, '--mode', 'append');
    assert.equal(granted.status, 0, granted.stderr);
    const environmentFile = join(access, 'environment');
    assert.equal(statSync(environmentFile).mode & 0o777, 0o600);
    const env = Object.fromEntries(
      [...readFileSync(environmentFile, 'utf8').matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [
        name ?? '',
        value ?? '',
      ]),
    );
    assert.ok(!granted.stdout.includes(env['RESTIC_REST_PASSWORD'] ?? ''), 'the grant is not shown');

    const own = await runCli(['backup', source, '--json'], { env });
    assert.equal(own.status, 0, own.stderr);
    assert.equal(jsonResult<{ newBytes: number; parentId?: string }>(own.stdout).parentId, run.result.snapshotId);
    const back = await runCli(['restore', 'latest', '--target', join(folder, 'by-grant')], { env });
    assert.equal(back.status, 0, back.stderr);
    await assertSame(join(folder, 'by-grant'));
    assert.ok(existsSync(join(data, 'repositories', 'local', 'laptops', 'config')));
  });

  test('restic uses the mover with what `grant create` wrote, until it is revoked', {
    skip: skipUnless({ programs: ['restic'] }),
  }, async () => {
    const access = join(folder, 'access-of-restic');
    const { id } = await answer<Identified>('grant create', 'laptops', '--for-restic', '--hours', '2', '--out', access);
    const restic = (command: string): Promise<CliResult> =>
      runProgram('/bin/sh', ['-c', `. ${access}/environment && exec restic --no-cache ${command}`], {
        env: { PATH: `${dirname(requireProgram('restic').path)}:${process.env['PATH']}` },
      });
    const check = await restic('check --read-data');
    assert.equal(check.status, 0, check.stdout + check.stderr);
    const deleting = await restic('forget latest');
    assert.notEqual(deleting.status, 0, 'a grant to read deletes nothing');

    const { grants } = await answer<{ grants: (Identified & { mode: string; actor: string })[] }>('grant list');
    assert.deepEqual(
      grants.filter((one) => one.id === id).map(({ mode, actor }) => `${mode} ${actor}`),
      ['read local-administrator'],
    );
    assert.equal((await answer<{ moverTold: boolean }>('grant revoke', id.slice(0, 8))).moverTold, true);
    const after = await restic('snapshots');
    assert.notEqual(after.status, 0, 'a revoked grant opens nothing');
    assert.match(after.stderr, /403|revoked/);
    assert.ok(!(await answer<{ grants: Identified[] }>('grant list')).grants.some((one) => one.id === id));
    assert.equal((await holdfast('grant revoke', id)).status, 1);
  });

  test('a machine fetches grants for restic that are good with its certificate alone', {
    skip: skipUnless({ programs: ['restic'] }),
  }, async () => {
    const { port, caFile } = JSON.parse(readFileSync(join(data, 'connection.json'), 'utf8')) as {
      port: number;
      caFile: string;
    };
    const { repositories } = await answer<{ repositories: Identified[] }>('repo list');
    const passwordFile = join(folder, 'password-of-machines');
    await answer('repo password', 'laptops', '--out', passwordFile);
    const forRepository = ['--repository', 'laptops', '--mode', 'append'];
    const { computers } = await answer<{ computers: Identified[] }>('computers list', '--role', 'agent');
    for (const [name, source] of [
      ['nas1', ['--out', join(folder, 'nas1.pem')]],
      ['scripts', ['--computer', computers[0]?.id ?? '']],
    ] as const) {
      const made = await answer<{ serviceAccount: Identified }>(
        'service-account create',
        name,
        ...forRepository,
        ...source,
      );
      const certificate = name === 'nas1' ? join(folder, 'nas1.pem') : join(data, 'agent', 'identity.json');
      const env = { HOLDFAST_DATA: join(folder, name) };
      const there = (...args: string[]): Promise<CliResult> => runCli(args, { env });
      const place = ['--server', `127.0.0.1:${port}`, '--cacert', caFile];
      const login = ['--service-account', made.serviceAccount.id, '--certificate-file', certificate];
      const signedIn = await there('login', ...login, ...place);
      assert.equal(signedIn.status, 0, signedIn.stderr);
      const access = join(folder, `access of ${name}`);
      const grant = [
        'grant',
        'create',
        repositories[0]?.id ?? '',
        '--for-machine',
        '--mode',
        'append',
        '--out',
        access,
      ];
      const granted = await there(...grant);
      assert.equal(granted.status, 0, granted.stderr);
      const restic = (before: string): Promise<CliResult> =>
        runProgram('/bin/sh', ['-c', `. '${access}/environment'; ${before} exec restic --no-cache snapshots`], {
          env: {
            PATH: `${dirname(requireProgram('restic').path)}:${process.env['PATH']}`,
            RESTIC_PASSWORD_FILE: passwordFile,
          },
        });
      const good = await restic('');
      assert.equal(good.status, 0, good.stderr);
      assert.notEqual((await restic('unset RESTIC_TLS_CLIENT_CERT;')).status, 0);
      await answer('service-account delete', name);
      assert.notEqual((await restic('')).status, 0, 'its grants end with it');
      assert.equal((await there('grant', 'list')).status, 1);
    }
  });

  test('a recovery token restores to a computer that has not joined, by ourselves and by restic, until it is revoked', {
    skip: skipUnless({ programs: ['restic'] }),
  }, async () => {
    const { listening } = (await answer<{ server: { listening: { channel: string; port: number }[] } }>('status'))
      .server;
    const server = listening.find(({ channel }) => channel === 'recovery-media-token-sign-in');
    const host = (await answer<{ computers: { hostname: string }[] }>('computers list', '--role', 'agent'))
      .computers[0];
    const tokenFile = join(folder, 'recovery-token');
    const made = await answer<Identified & { caFingerprint: string; token?: string }>(
      'recovery token create',
      ...['--computer', host?.hostname ?? '', '--out', tokenFile],
    );
    assert.equal(made.token, undefined, 'a token in a file is not shown');

    // Apart from everything that this computer knows of the server.
    const elsewhere = { HOLDFAST_DATA: join(folder, 'elsewhere') };
    const place = ['--server', `127.0.0.1:${server?.port}`, '--ca-fingerprint', made.caFingerprint];
    const recovery = (command: string, ...args: string[]): Promise<CliResult> =>
      runCli(['recovery', command, ...args], { env: elsewhere });
    const target = join(folder, 'recovered');
    assert.equal((await recovery('restore', 'latest', '-t', target)).status, 2, 'nowhere to begin');
    const restored = await recovery('restore', 'latest', '-t', target, '--token-file', tokenFile, ...place);
    assert.equal(restored.status, 0, restored.stderr);
    await assertSame(target);
    assert.equal(statSync(join(folder, 'elsewhere', 'recovery', 'recovery.json')).mode & 0o777, 0o600);

    // The token is used up; the certificate goes on.
    const listed = await recovery('snapshots', '--json');
    assert.equal(listed.status, 0, listed.stderr);
    assert.ok(jsonResult<{ snapshots: Identified[] }>(listed.stdout).snapshots.length > 0);
    const access = join(folder, 'access-of-recovery');
    assert.equal((await recovery('environment', 'latest', '--out', access)).status, 0);
    const restic = (command: string): Promise<CliResult> =>
      runProgram('/bin/sh', ['-c', `. ${access}/environment && exec restic --no-cache ${command}`], {
        env: { PATH: `${dirname(requireProgram('restic').path)}:${process.env['PATH']}` },
      });
    const byRestic = join(folder, 'recovered-by-restic');
    const taken = await restic(`restore latest --target ${byRestic}`);
    assert.equal(taken.status, 0, taken.stderr);
    await assertSame(byRestic);
    assert.notEqual((await restic(`backup ${access}`)).status, 0, 'it reads, and nothing else');
    const without = await runProgram(
      '/bin/sh',
      ['-c', `. ${access}/environment && unset RESTIC_TLS_CLIENT_CERT && exec restic --no-cache snapshots`],
      { env: { PATH: `${dirname(requireProgram('restic').path)}:${process.env['PATH']}` } },
    );
    assert.notEqual(without.status, 0, 'the grant without its certificate is worth nothing');

    const { certificates } = await answer<{ certificates: Identified[] }>('recovery list');
    assert.equal(certificates.length, 1);
    assert.equal((await answer<{ certificates: number }>('recovery token revoke', made.id)).certificates, 1);
    // By ourselves: restic would try again for minutes when it is not let in.
    const revoked = await runProgram('/bin/sh', ['-c', `. ${access}/environment && env`]);
    const env = Object.fromEntries(
      revoked.stdout
        .split('\n')
        .filter((line) => line.startsWith('RESTIC_'))
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    const refused = await runCli(['snapshots'], { env });
    assert.match(refused.stderr, /Code: channel\.revoked/);
    assert.notEqual((await recovery('snapshots')).status, 0);
  });

  test('Ctrl-C stops watching, not the run', async () => {
    const running = startCli(['job', 'run', 'homes'], { env: { HOLDFAST_DATA: data } });
    assert.ok(running.child.stderr);
    running.child.stderr.once('data', () => running.child.kill('SIGINT'));
    const { status, stderr } = await running.ended;
    const id = /run ([0-9a-f-]{36})/.exec(stderr)?.[1] ?? '';
    if (status !== 0) {
      assert.equal(status, 130, stderr);
      assert.match(stderr, new RegExp(`run ${id} goes on[\\s\\S]*holdfast run cancel ${id}`));
    }
    const followed = await holdfast('run show', id, '--follow');
    assert.equal(followed.status, 0, followed.stderr);
    assert.match(followed.stdout, /succeeded/);
  });

  test('jobs are deleted, computers revoked only on purpose', async () => {
    assert.equal((await holdfast('job delete', 'homes')).status, 0);
    assert.equal((await holdfast('job run', 'homes')).status, 1);
    const { computers } = await answer<{ computers: Identified[] }>('computers list', '--role', 'agent');
    const id = computers[0]?.id ?? '';
    const asked = await holdfast('computers revoke', id);
    assert.equal(asked.status, 2);
    assert.match(asked.stderr, /--yes/);
    assert.equal((await holdfast('computers revoke', id, '--yes')).status, 0);
    const after = await answer<{ computers: (Identified & { state: string })[] }>('computers list', '--role', 'agent');
    assert.equal(after.computers.find((one) => one.id === id)?.state, 'revoked');
  });
});
