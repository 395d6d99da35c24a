import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireProgram, skipUnless } from '@holdfast/core/testing';
import { labNeeds } from '../lab/lab-needs.ts';
import { allocatedBytes, fingerprint, makeNastyTree, nastyTreeNeeds } from './nasty-tree.ts';
import { isIsolated, listeningSockets, OneComputer, type Run, rolesOf } from './one-computer.ts';

/** What the first command of the README promises: protect a folder, prove the restore, leave a repository that restic reads. */

interface Demonstration {
  readonly folder: string;
  readonly backup: Run & {
    readonly result: {
      readonly files: { readonly new: number; readonly changed: number; readonly unmodified: number };
    };
  };
  readonly restore: Run;
  readonly comparison: { readonly differenceCount: number; readonly files: number; readonly ownersCompared: boolean };
  readonly channelUse: readonly {
    readonly role: string;
    readonly channels: readonly {
      readonly channel: string;
      readonly ports: readonly number[];
      readonly bytesOut: number;
    }[];
  }[];
  readonly listening: readonly {
    readonly channel: string;
    readonly host: string;
    readonly port: number;
    readonly reason?: string;
  }[];
}

const runner = join(import.meta.dirname, '..', '..', '..', 'tools', 'run.mjs');

test('one command protects a folder on the contract’s ports, and restic agrees', {
  skip: labNeeds || skipUnless({ programs: ['restic', ...nastyTreeNeeds] }),
}, async (t) => {
  const computer = OneComputer.isolated(t);
  const source = computer.makeFolder('source');
  makeNastyTree(source);
  const before = fingerprint(source);
  const repository = computer.repositoryFolder();
  let password = '';

  const restic = (args: readonly string[], folder = repository) =>
    computer.run(requireProgram('restic').path, ['--no-cache', '-r', folder, ...args], {
      env: { RESTIC_PASSWORD: password },
    });

  let first: Demonstration | undefined;
  const seen = new Map<number, Set<string>>();

  await t.test('start, back up, restore, compare, end', async () => {
    const up = computer.launch(['--demonstrate', '--once', '--json', source]);
    const watching = setInterval(() => {
      if (!up.isRunning || !isIsolated(up.pid)) return;
      for (const { address, port } of listeningSockets(up.pid))
        seen.set(port, (seen.get(port) ?? new Set()).add(address));
    }, 10);
    const ended = await up.ended.finally(() => clearInterval(watching));
    assert.equal(ended.status, 0, ended.stderr);
    first = JSON.parse(ended.stdout) as Demonstration;
    assert.equal(first.folder, source);
    assert.equal(first.backup.state, 'succeeded');
    assert.deepEqual(first.backup.degradations, []);
    assert.deepEqual(first.backup.problems, []);
    assert.equal(first.restore.state, 'succeeded');
    assert.equal(first.comparison.differenceCount, 0);
    assert.equal(first.comparison.ownersCompared, true);
    assert.equal(first.comparison.files, 48);
    assert.match(ended.stderr, /REST API: https:\/\/127\.0\.0\.1:443\/api\/v1/);
    assert.deepEqual(fingerprint(source), before, 'the source is as it was');
    assert.equal(rolesOf(computer.data).size, 0, 'no process is left');
  });

  await t.test('the ports are the contract’s, and all of them only on loopback', () => {
    assert.ok(first);
    const usual = [443, 10001, 10005, 10006, 6162, 9395];
    for (const port of usual) assert.ok(seen.has(port), `${port} of ${[...seen.keys()].join(' ')}`);
    const others = [...seen.keys()].filter((port) => !usual.includes(port));
    assert.deepEqual(
      others.filter((port) => port < 2500 || port > 3300),
      [],
    );
    assert.deepEqual([...new Set([...seen.values()].flatMap((addresses) => [...addresses]))], ['127.0.0.1']);
    assert.deepEqual(
      first.listening.filter(({ reason }) => reason !== undefined),
      [],
    );

    const agent = first.channelUse.find(({ role }) => role === 'agent')?.channels ?? [];
    const data = agent.find(({ channel }) => channel === 'agent-local-data');
    assert.ok(
      data && data.ports.length > 0 && data.ports.every((port) => port >= 2500 && port <= 3300),
      JSON.stringify(agent),
    );
    assert.ok(data.bytesOut > 6 * 1024 * 1024, 'the data went that way');
  });

  await t.test('a second start on the same data directory is incremental', async () => {
    appendFileSync(join(source, 'inner', 'text'), 'one line more\n');
    const ended = await computer.run(process.execPath, [runner, 'start', '--once', '--json', source], {
      cwd: computer.folder,
    });
    const { backup, comparison } = JSON.parse(ended.stdout) as Demonstration;
    assert.equal(comparison.differenceCount, 0);
    assert.equal(backup.result.parentId, first?.backup.result.snapshotId);
    const { files } = backup.result;
    assert.deepEqual([files.new, files.changed, files.unmodified], [0, 1, 47]);
  });

  await t.test('restic checks the repository and restores the same folder', async () => {
    await using _up = await computer.up();
    password = await computer.password();
    await restic(['check', '--read-data']);
    const target = join(computer.folder, 'by-restic');
    const snapshot = first?.backup.result.snapshotId ?? '';
    await restic(['restore', snapshot, '--target', target, '--sparse']);
    assert.deepEqual(fingerprint(join(target, source)), before);
  });

  await t.test('a repository that restic made is restored by holdfast to the same folder', async () => {
    const foreign = join(computer.folder, 'of-restic');
    const now = fingerprint(source);
    await restic(['init'], foreign);
    await restic(['backup', source], foreign);
    const passwordFile = join(computer.folder, 'password');
    writeFileSync(passwordFile, `${password}\n`);
    const target = join(computer.folder, 'by-holdfast');
    await computer.holdfast([
      'restore',
      'latest',
      '--repo',
      foreign,
      '--password-file',
      passwordFile,
      '--target',
      target,
    ]);
    assert.deepEqual(fingerprint(join(target, source)), now);
    assert.ok(allocatedBytes(join(target, source, 'sparse')) < 2 * 1024 * 1024, 'holes stay holes');
  });
});

test('without root, beside others: free ports, owners not compared, status 0', {
  skip: skipUnless({ platform: 'linux' }),
}, async (t) => {
  const computer = OneComputer.shared(t);
  const source = computer.makeFolder('source');
  mkdirSync(join(source, 'inner'));
  writeFileSync(join(source, 'inner', 'file'), 'content\n');
  chmodSync(join(source, 'inner', 'file'), 0o640);
  const config = join(computer.folder, 'ports.yaml');
  writeFileSync(config, freePorts());
  const { stdout } = await computer.holdfast(['up', '--demonstrate', '--once', '--json', '--config', config, source]);
  const { comparison, listening } = JSON.parse(stdout) as Demonstration;
  assert.equal(comparison.differenceCount, 0);
  assert.equal(comparison.files, 1);
  assert.ok(listening.every(({ host }) => host === '127.0.0.1'));
  assert.ok(existsSync(computer.repositoryFolder()));
  assert.equal(execFileSync('stat', ['-c', '%a', computer.data], { encoding: 'utf8' }).trim(), '700');
});

/** Ports apart from the contract's; one that is taken all the same falls back to a free one. */
function freePorts(): string {
  const first = 24_000 + (process.pid % 2000) * 5;
  const lines = [
    ...['client-to-server'].map((channel) => `${channel}: ${first}`),
    ...['posix-agent-control', 'enrolment', 'mover-to-server'].map((channel) => `${channel}: ${first + 1}`),
    ...['windows-agent-control', 'windows-enrolment'].map((channel) => `${channel}: ${first + 2}`),
    `recovery-media-credential-sign-in: ${first + 4}`,
    ...[
      'server-to-mover',
      'agent-to-mover-transport',
      'client-to-mover',
      'server-to-agent-transport',
      'mover-to-agent-transport',
    ].map((channel) => `${channel}: ${first + 3}`),
    ...['agent-to-mover-data', 'agent-local-data', 'server-to-agent-data'].map(
      (channel) => `${channel}: {from: 23200, to: 23299}`,
    ),
  ];
  return `ports:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}
