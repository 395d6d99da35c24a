import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { requireProgram, skipUnless } from '@holdfast/core/testing';
import type { RestClient, Run } from '@holdfast/protocol';
import { compareFolders } from '../demonstration/comparison.ts';
import { OneProcessSystem } from '../testing/one-process-system.ts';
import { runProgram } from '../testing/run-cli.ts';

/** Two computers back up to one repository, whose key opens both: a restore to one of them goes through the executor. */

const skip = skipUnless({ platform: 'linux', programs: ['restic'] });

async function ended(client: RestClient, id: string): Promise<Run> {
  for (let tries = 0; tries < 2_400; tries += 1) {
    const run = await client.call('run', { params: { id } });
    if (run.endedAt !== undefined) return run;
    await delay(50);
  }
  return assert.fail('the run does not end');
}

interface Shared {
  readonly system: OneProcessSystem;
  readonly repositoryId: string;
  readonly location: string;
  /** By name of the computer. */
  readonly agents: Readonly<Record<'first' | 'second', string>>;
  readonly sources: Readonly<Record<'first' | 'second', string>>;
  readonly snapshots: Readonly<Record<'first' | 'second', string>>;
}

/** What every kind of restore has to bring back. */
function fill(folder: string): void {
  mkdirSync(join(folder, 'sub', 'deep'), { recursive: true });
  writeFileSync(join(folder, 'large.bin'), randomBytes(9_000_000));
  const sparse = join(folder, 'sparse.img');
  const fd = openSync(sparse, 'w');
  writeSync(fd, 'in the middle', 6_000_000);
  closeSync(fd);
  truncateSync(sparse, 12_000_000);
  for (let number = 0; number < 200; number += 1)
    writeFileSync(join(folder, 'sub', `file ${number}`), `${number} `.repeat(number));
  linkSync(join(folder, 'sub', 'file 9'), join(folder, 'sub', 'deep', 'second name'));
  symlinkSync('../large.bin', join(folder, 'sub', 'link'));
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/sub/`), Buffer.from([0xff, 0x22])]), 'not UTF-8');
}

async function share(t: TestContext): Promise<Shared> {
  const system = await OneProcessSystem.start(t);
  await system.startAgent();
  const second = await system.startAnother('second');
  t.after(() => second[Symbol.asyncDispose]());
  const agents = { first: system.agentId, second: second.id };
  return await system.call(async (client) => {
    const { id: repositoryId, location } = await client.call('createRepository', {
      body: { name: 'shared', moverId: system.moverId },
    });
    const entries: { source: string; snapshot: string }[] = [];
    for (const name of ['first', 'second'] as const) {
      const source = join(system.folder, `of-${name}`);
      mkdirSync(source);
      fill(source);
      const job = await client.call('createJob', {
        body: {
          name,
          computers: [agents[name]],
          target: { kind: 'shared', repositoryId },
          scope: { kind: 'folders', paths: [source] },
        },
      });
      const session = await client.call('runJob', { params: { id: job.id }, body: {} });
      const { runs } = await client.call('runs', { query: { sessionId: session.id } });
      const { result, error } = await ended(client, runs[0]?.id ?? '');
      assert.ok(result?.kind === 'backup', JSON.stringify(error));
      entries.push({ source, snapshot: result.snapshotId });
    }
    const [one = assert.fail(), two = assert.fail()] = entries;
    return {
      ...{ system, repositoryId, location, agents },
      sources: { first: one.source, second: two.source },
      snapshots: { first: one.snapshot, second: two.snapshot },
    };
  });
}

test('out of a shared repository a computer gets what it restores, whole, and no key', { skip }, async (t) => {
  const since = new Date();
  const { system, repositoryId, location, agents, sources, snapshots } = await share(t);
  await system.call(async (client) => {
    const restore = async (target: string, more: object = {}): Promise<Run> => {
      const body = { repositoryId, snapshotId: snapshots.second, agentId: agents.second, target, ...more };
      const queued = await client.call('createRestore', { body });
      assert.equal(queued.way, 'executor');
      return ended(client, queued.id);
    };

    const target = join(system.folder, 'restored');
    const tried = await restore(target, { dryRun: true });
    assert.ok(tried.result?.kind === 'restore' && tried.result.dryRun, JSON.stringify(tried.error));
    assert.equal(existsSync(target), false);

    const run = await restore(target, { verify: true });
    assert.equal(run.state, 'succeeded', JSON.stringify([run.error, run.problems]));
    assert.ok(run.result?.kind === 'restore');
    assert.equal(run.result.snapshotId, snapshots.second);
    assert.equal(run.result.verified, run.result.files);
    const restored = join(target, sources.second);
    const report = await compareFolders({ source: sources.second, restored, leftOut: new Set(), since });
    assert.deepEqual(report.differences, []);
    const blocks = (file: string): number => statSync(file).blocks;
    assert.ok(blocks(join(restored, 'sparse.img')) * 512 < 6_000_000, 'holes are holes');
    assert.equal(statSync(join(restored, 'sub', 'file 9')).nlink, 2);

    const { password } = await client.call('repositoryPassword', { params: { id: repositoryId } });
    const theirs = join(system.folder, 'theirs');
    const restic = await runProgram(
      requireProgram('restic').path,
      ['restore', `${snapshots.second}:${sources.second}`, '--target', theirs, '--no-cache', '-q'],
      { env: { RESTIC_REPOSITORY: location, RESTIC_PASSWORD: password ?? '' } },
    );
    assert.equal(restic.status, 0, restic.stderr);
    const same = await compareFolders({ source: theirs, restored, leftOut: new Set(), since });
    assert.deepEqual(same.differences, []);

    const { lines } = await client.call('runLog', { params: { id: run.id }, query: {} });
    const told = lines.map(({ message }) => message).join('\n');
    assert.match(told, /shows the snapshot, and nothing else/);
    assert.doesNotMatch(told, new RegExp(password ?? 'no password'));
  });
});

test('an agent as the executor shows a part: in place, deleting, by the rules of every restore; its lock goes with the view', {
  skip,
}, async (t) => {
  const { system, repositoryId, location, agents, sources, snapshots } = await share(t);
  await system.call(async (client) => {
    await client.call('setRepositoryExecutor', { params: { id: repositoryId }, body: { executorId: agents.first } });
    const target = join(system.folder, 'in-place');
    mkdirSync(join(target, 'deep'), { recursive: true });
    writeFileSync(join(target, 'deep', 'foreign'), 'not in the snapshot');
    const { id } = await client.call('createRestore', {
      body: {
        ...{ repositoryId, agentId: agents.second, target, overwrite: 'always', deletes: true },
        snapshotId: snapshots.first,
        subfolder: join(sources.first, 'sub'),
        include: ['/deep', 'file 1?'],
      },
    });
    const run = await ended(client, id);
    assert.ok(run.result?.kind === 'restore', JSON.stringify([run.error, run.problems]));
    assert.deepEqual(run.result.deleted, { count: 1, paths: ['/deep/foreign'] });
    assert.deepEqual(
      readdirSync(target).sort(),
      ['deep', ...Array.from({ length: 10 }, (_, number) => `file 1${number}`)].sort(),
    );
    assert.equal(readFileSync(join(target, 'deep', 'second name'), 'utf8'), '9 '.repeat(9));
    // The executor gave its lock back with the end of the run.
    assert.deepEqual(readdirSync(join(location, 'locks')), []);
  });
});
