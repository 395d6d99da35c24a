import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import type { DrilledComputer, ExtensionChange, Run } from '@holdfast/protocol';
import { runCli, runProgram } from '../testing/run-cli.ts';
import { type RunningSystem, startSystem } from '../testing/running-system.ts';

/** Work inside a repository that the server asks for, on a real system: the mover's executor opens the repository. */

const firstPort = 16_000 + (process.pid % 1500) * 5;

describe('maintenance by the executor', { skip: skipUnless({ platform: 'linux' }) }, () => {
  const folder = temporaryFolder({ after });
  const source = join(folder, 'source');
  let system: RunningSystem;
  let repositoryId: string;
  let jobId: string;

  async function follow(run: Run): Promise<Run> {
    for await (const seen of system.client.events('runEvents', { params: { id: run.id } })) {
      if (seen.endedAt !== undefined) return seen;
    }
    return system.client.call('run', { params: { id: run.id } });
  }
  async function succeed(run: Run): Promise<Run> {
    const ended = await follow(run);
    assert.equal(ended.state, 'succeeded', JSON.stringify(ended.error ?? ended.problems));
    return ended;
  }
  const maintain = async (body: Parameters<typeof system.client.call<'maintain'>>[1]['body']): Promise<Run> =>
    succeed(await system.client.call('maintain', { params: { id: repositoryId }, body }));
  const listed = async (): Promise<string[]> => {
    const { snapshots } = await system.client.call('snapshots', { query: { repositoryId } });
    return snapshots.map(({ id }) => id);
  };

  before(async () => {
    system = await startSystem(folder, firstPort);
  });
  after(() => system[Symbol.asyncDispose]());

  /** The lines of the logs of all processes that one `grep` for an id finds. */
  const grep = (id: string): Record<string, unknown>[] =>
    ['server', 'mover', 'agent'].flatMap((role) =>
      readFileSync(join(system.data, 'log', `${role}.log`), 'utf8')
        .split('\n')
        .filter((line) => line.includes(id))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    );
  const writers = (lines: readonly Record<string, unknown>[]): string[] =>
    [...new Set(lines.map(({ role, process }) => String(process ?? role)))].toSorted();

  async function backUp(text: string): Promise<string> {
    mkdirSync(join(source, 'folder'), { recursive: true });
    writeFileSync(join(source, 'folder', 'file.txt'), text);
    const session = await system.client.call('runJob', { params: { id: jobId }, body: {} });
    const { runs } = await system.client.call('runs', { query: { sessionId: session.id } });
    const { result } = await succeed(runs[0] ?? assert.fail());
    assert.ok(result?.kind === 'backup');
    return result.snapshotId;
  }

  test('looking into a repository, and keeping it healthy', async () => {
    const { computers } = await system.client.call('computers', { query: {} });
    const idOf = (role: string) => computers.find((computer) => computer.role === role)?.id ?? assert.fail(role);
    ({ id: repositoryId } = await system.client.call('createRepository', {
      body: { name: 'maintained', moverId: idOf('mover') },
    }));
    ({ id: jobId } = await system.client.call('createJob', {
      body: {
        name: 'files',
        computers: [idOf('agent')],
        target: { kind: 'shared', repositoryId },
        scope: { kind: 'folders', paths: [source] },
      },
    }));
    const snapshots: string[] = [];
    for (const text of ['first', 'second', 'third', 'fourth', 'x'.repeat(100_000)]) snapshots.push(await backUp(text));
    const [first = '', second = '', ...rest] = snapshots;

    const of = { id: repositoryId, snapshotId: first };
    const { entries } = await system.client.call('snapshotEntries', {
      params: of,
      query: { path: join(source, 'folder') },
    });
    assert.deepEqual(
      entries.map(({ path, type, sizeBytes }) => ({ path, type, sizeBytes })),
      [{ path: join(source, 'folder', 'file.txt'), type: 'file', sizeBytes: 5 }],
    );
    await assert.rejects(system.client.call('snapshotEntries', { params: of, query: { path: '/nowhere' } }), {
      code: 'request.missing',
    });
    const found = await system.client.call('findEntries', {
      params: of,
      body: { patterns: ['*.TXT'], ignoreCase: true },
    });
    assert.deepEqual(
      found.entries.map(({ path }) => path),
      [join(source, 'folder', 'file.txt')],
    );
    assert.equal(found.more, false);
    const stats = await system.client.call('repositoryStats', { params: { id: repositoryId }, body: {} });
    assert.equal(stats.snapshots, 5);

    const check = await maintain({ kind: 'check', read: 'everything' });
    assert.ok(check.result?.kind === 'check' && check.result.snapshots === 5 && check.result.bytesRead > 0);

    // Whoever has one of the ids finds what every process did for it.
    const { runs } = await system.client.call('runs', { query: { jobId, limit: 1 } });
    for (const [run, processes] of [
      [check, ['executor', 'mover', 'server']],
      [runs[0] ?? assert.fail(), ['agent', 'mover', 'server']],
    ] as const) {
      for (const id of [run.id, run.sessionId, run.requestId])
        assert.deepEqual(writers(grep(id ?? assert.fail('an id is missing'))), processes);
      // Beside the line of the request itself, which knows no more than what it made.
      const lines = grep(run.requestId ?? '').filter(({ msg }) => msg !== 'request done');
      for (const line of lines)
        assert.deepEqual([line['run'], line['session']], [run.id, run.sessionId], JSON.stringify(line));
    }
    // A question is no run: its task is found by the request alone.
    const asked = grep('"kind":"stats"')[0];
    assert.ok(writers(grep(String(asked?.['request']))).includes('mover'), JSON.stringify(asked));

    // What the processes kept of it goes into bundles: of the server by the server, of each role by its data directory.
    const bundled = async (...args: string[]): Promise<Map<string, string>> => {
      const out = join(folder, `bundle-${args.length}.tar.gz`);
      const env = { HOLDFAST_DATA: system.data };
      const { status, stderr } = await runCli(['support-bundle', '--out', out, ...args], { env });
      assert.equal(status, 0, stderr);
      assert.equal(statSync(out).mode & 0o777, 0o600);
      assert.notEqual(
        (await runCli(['support-bundle', '--out', out, ...args], { env })).status,
        0,
        'never over another',
      );
      const { stdout } = await runProgram('tar', ['-tzf', out]);
      const names = stdout.trim().split('\n');
      const contents = await Promise.all(names.map((name) => runProgram('tar', ['-xzf', out, '-O', name])));
      return new Map(names.map((name, at) => [name, contents[at]?.stdout ?? '']));
    };
    const ofServer = await bundled();
    assert.ok(ofServer.get('log.jsonl')?.includes(check.requestId ?? '-'), 'the process keeps its last lines');
    const ofRoles = await bundled('--local');
    for (const role of ['server', 'mover', 'agent'])
      assert.ok(
        (ofRoles.get(`${role}/configuration.json`)?.length ?? 0) > 50 && ofRoles.has(`${role}/log.jsonl`),
        role,
      );
    const tasks = JSON.parse(ofRoles.get('mover/tasks.json') ?? '') as { run: string }[];
    assert.ok(tasks.some(({ run }) => run === check.id));
    const keys = ['agent', 'mover'].map((role) => {
      const text = readFileSync(join(system.data, role, 'identity.json'), 'utf8');
      return (JSON.parse(text) as { privateKeyPem: string }).privateKeyPem.split('\n')[1] ?? assert.fail('no key');
    });
    const { password } = await system.client.call('repositoryPassword', { params: { id: repositoryId } });
    const token = readFileSync(join(system.data, 'server', 'admin-token'), 'utf8').trim();
    for (const [name, content] of [...ofServer, ...ofRoles])
      for (const secret of [...keys, password, token]) assert.ok(!content.includes(secret), name);
    const hidden = [...(await bundled('--local', '--anonymise')).values()].join('\n');
    assert.ok(!hidden.includes(source), 'no path of what is backed up');

    // By name: gone from the repository and from the catalogue.
    const forgotten = await succeed(
      await system.client.call('forgetSnapshots', {
        params: { id: repositoryId },
        body: { snapshotIds: [first, second] },
      }),
    );
    assert.ok(forgotten.result?.kind === 'forget');
    assert.deepEqual(forgotten.result.removed.toSorted(), [first, second].toSorted());
    assert.deepEqual((await listed()).toSorted(), rest.toSorted());
    await assert.rejects(system.client.call('snapshotEntries', { params: of, query: {} }), {
      code: 'snapshot.missing',
    });
    const pruned = await maintain({ kind: 'prune', maxUnusedPercent: 0 });
    assert.ok(pruned.result?.kind === 'prune' && pruned.result.deletedPacks > 0);

    // By the command line, and by rule: nothing goes that is kept.
    const holdfast = (...args: string[]) => runCli(['repo', ...args], { env: { HOLDFAST_DATA: system.data } });
    const set = await holdfast('retention', 'maintained', '--keep-points', '3', '--weekly', '4');
    assert.equal(set.status, 0, set.stderr);
    assert.match(set.stdout, /the newest 3 backups[\s\S]*for 4 weeks/);
    const kept = await holdfast('maintain', 'maintained', 'forget');
    assert.equal(kept.status, 0, kept.stderr);
    assert.match(kept.stdout, /0 snapshots, 3 kept/);
    const sound = await holdfast('maintain', 'maintained', 'check', '--read-data');
    assert.match(sound.stdout, /Sound {5}3 snapshots/, sound.stderr);
    const refreshed = await holdfast('maintain', 'maintained', 'refresh');
    assert.match(refreshed.stdout, /0 added, 0 removed/, refreshed.stderr);
    assert.deepEqual((await listed()).toSorted(), rest.toSorted());
  });

  test('drills: restored, compared, with a receipt that is checked without the server; damage fails them', async () => {
    const holdfast = (...args: string[]) => runCli(args, { env: { HOLDFAST_DATA: system.data } });
    const scheduled = await holdfast(
      'drill',
      'schedule',
      'maintained',
      '--when',
      'manual',
      '--whole',
      '--max-bytes',
      '1G',
    );
    assert.match(scheduled.stdout, /Restores {2}everything, at most 1[.]00 GiB/, scheduled.stderr);
    // Of the size that it has in its pack, so that this is the largest one.
    const text = randomBytes(100_000).toString('base64');
    const snapshotId = await backUp(text);
    const good = await holdfast('drill', 'run', 'maintained');
    assert.equal(good.status, 0, good.stderr);
    const listing = await holdfast('drill', 'list', '--json');
    const [drilled] = (JSON.parse(listing.stdout) as { computers: DrilledComputer[] }).computers;
    const result = drilled?.lastGood?.drill.result;
    assert.ok(result?.coverage === 'whole' && result.files === 1 && result.bytes === text.length, listing.stdout);
    assert.equal(result.snapshotId, snapshotId);
    assert.deepEqual(readdirSync(join(system.data, 'mover', 'drills')), []);

    const packs = readdirSync(system.data, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /[/]data[/][0-9a-f]{2}$/.test(entry.parentPath))
      .map((entry) => ({ id: entry.name, path: join(entry.parentPath, entry.name) }));
    const [pack = assert.fail('no pack')] = packs.toSorted((a, b) => statSync(b.path).size - statSync(a.path).size);
    const bytes = readFileSync(pack.path);
    chmodSync(pack.path, 0o600);
    writeFileSync(
      pack.path,
      bytes.map((byte) => byte ^ 0xff),
    );
    const failed = await holdfast('drill', 'run', 'maintained', '--json');
    assert.equal(failed.status, 1, failed.stdout);
    const { runs } = await system.client.call('runs', { query: { limit: 1 } });
    assert.equal(runs[0]?.error?.code, 'drill.failed');
    const told = runs[0]?.problems.map(({ message }) => message).join('\n') ?? '';
    assert.ok(told.includes(join(source, 'folder', 'file.txt')) && told.includes(pack.id), told);
    assert.deepEqual(readdirSync(join(system.data, 'mover', 'drills')), []);
    writeFileSync(pack.path, bytes);

    const [keys, exported] = [join(folder, 'keys.json'), join(folder, 'receipts.jws')];
    writeFileSync(keys, (await holdfast('status', '--json')).stdout);
    const lines = (await holdfast('receipt', 'export')).stdout;
    writeFileSync(exported, lines);
    const verify = () => holdfast('receipt', 'verify', exported, '--keys', keys);
    const sound = await verify();
    assert.equal(sound.status, 0, sound.stderr);
    assert.match(sound.stdout, /2 receipts .*1 good, 1 failed/);
    writeFileSync(exported, lines.split('\n').slice(1).join('\n'));
    const lacking = await verify();
    assert.equal(lacking.status, 1);
    assert.match(lacking.stderr, /Receipt 1 is missing/);
  });

  test('files that were encrypted and deleted raise an alert, ordinary work does not', async () => {
    const { computers } = await system.client.call('computers', { query: {} });
    const agentId = computers.find(({ role }) => role === 'agent')?.id ?? assert.fail();
    const home = join(folder, 'home');
    const target = { kind: 'shared' as const, repositoryId };
    const scope = { kind: 'folders' as const, paths: [home] };
    const job = await system.client.call('createJob', {
      body: { name: 'home', computers: [agentId], target, scope },
    });
    const files = (ending: string): string[] =>
      readdirSync(home, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
        .map((entry) => join(entry.parentPath, entry.name));
    const analyses = async (): Promise<Run[]> => {
      const { runs } = await system.client.call('runs', { query: { kind: 'analysis', repositoryId } });
      return runs.filter(({ endedAt }) => endedAt !== undefined);
    };
    /** Backs the folder up, waits until the backup has been compared, and says what was counted. */
    const compared = async (): Promise<readonly ExtensionChange[]> => {
      const session = await system.client.call('runJob', { params: { id: job.id }, body: {} });
      const { runs } = await system.client.call('runs', { query: { sessionId: session.id } });
      const { result } = await succeed(runs[0] ?? assert.fail());
      const snapshotId = result?.kind === 'backup' ? result.snapshotId : assert.fail();
      for (let looks = 0; looks < 600; looks += 1) {
        const pairs = (await analyses()).flatMap((run) =>
          run.result?.kind === 'analysis' ? run.result.comparisons : [],
        );
        const pair = pairs.find(({ after: later }) => later === snapshotId);
        if (pair) return pair.changes;
        await delay(100);
      }
      assert.fail('the backup is not compared');
    };
    const holdfast = async (...args: string[]): Promise<string> => {
      const { status, stdout, stderr } = await runCli(args, { env: { HOLDFAST_DATA: system.data } });
      assert.equal(status, 0, stderr);
      return stdout;
    };
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      mkdirSync(join(home, name), { recursive: true });
      for (let number = 0; number < 60; number += 1) {
        writeFileSync(join(home, name, `${number}.docx`), `${name} ${number}`);
        writeFileSync(join(home, name, `${number}.jpg`), `picture ${name} ${number}`);
      }
    }
    // The first has none to be compared with.
    const session = await system.client.call('runJob', { params: { id: job.id }, body: {} });
    const { runs } = await system.client.call('runs', { query: { sessionId: session.id } });
    await succeed(runs[0] ?? assert.fail());

    renameSync(join(home, 'a'), join(home, 'moved'));
    for (const file of files('.docx').slice(0, 90)) rmSync(file);
    assert.deepEqual(await compared(), []);
    assert.equal((await system.client.call('overview', {})).ransomwareAlerts.count, 0);

    for (const file of files('.jpg')) {
      writeFileSync(`${file}.locked`, randomBytes(64));
      rmSync(file);
    }
    for (const file of files('.docx').slice(0, 75)) rmSync(file);
    await compared();
    const { alerts } = await system.client.call('ransomwareAlerts', { query: { state: 'open' } });
    const [alert = assert.fail('no alert'), ...more] = alerts;
    assert.deepEqual(more, []);
    assert.equal(alert.agentId, agentId);
    const deleted = { sign: 'mass-deletion', thresholdPercent: 50 };
    assert.deepEqual(
      alert.findings.toSorted((a, b) => String(a.extension).localeCompare(String(b.extension))),
      [
        { ...deleted, extension: 'docx', files: 165, of: 300 },
        { ...deleted, extension: 'jpg', files: 300, of: 300 },
        // Without the folder that was moved as well: its files are only gone.
        { sign: 'mass-rename', extension: 'locked', files: 240, folders: 4 },
      ],
    );
    assert.equal((await system.client.call('overview', {})).ransomwareAlerts.count, 1);
    assert.match(await holdfast('alerts'), /300 of 300 files [.]jpg are gone.*240 files in 4 folders.*[.]locked/);
    // What was told is not told again by the next backup, which is compared with the same.
    await compared();
    assert.equal((await system.client.call('ransomwareAlerts', {})).alerts.length, 1);
    assert.match(await holdfast('alerts', 'false-alarm', alert.id), /false-alarm/);
    assert.equal((await system.client.call('overview', {})).ransomwareAlerts.count, 0);
    assert.match(await holdfast('alerts', 'list', '--all'), /false-alarm/);
    assert.match(await holdfast('alerts', 'acknowledge', alert.id), /acknowledged/);
    assert.match(await holdfast('alerts', 'analysis', 'maintained', 'off'), /off/);
    assert.equal(
      (await system.client.call('repositoryMaintenance', { params: { id: repositoryId } })).ransomwareAnalysis,
      false,
    );
  });
});
