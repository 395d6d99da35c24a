import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import type { JobSettings, Run } from '@holdfast/protocol';
import { OneProcessSystem, until } from '../testing/one-process-system.ts';

const hourMs = 3_600_000;
const needs = skipUnless({ platform: 'linux', root: true });

/** A job of the only computer, whose runs the test looks at. */
class Jobs {
  readonly system: OneProcessSystem;
  readonly source: string;
  readonly scripts: string;

  private constructor(system: OneProcessSystem) {
    this.system = system;
    this.source = join(system.folder, 'source');
    this.scripts = join(system.folder, 'scripts');
  }

  static async start(t: TestContext): Promise<Jobs> {
    const jobs = new Jobs(await OneProcessSystem.start(t));
    for (const folder of [jobs.source, jobs.scripts]) mkdirSync(folder, { mode: 0o755 });
    writeFileSync(join(jobs.source, 'file'), 'content');
    return jobs;
  }

  script(name: string, body: string): void {
    const path = join(this.scripts, name);
    writeFileSync(path, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
  }

  settings(scripts: Partial<JobSettings['scripts']>) {
    return {
      name: 'with scripts',
      computers: [this.system.agentId],
      scope: { kind: 'folders' as const, paths: [this.source] },
      target: { kind: 'own' as const, moverId: this.system.moverId },
      retries: { count: 0 },
      timeZone: 'UTC',
      scripts,
    };
  }

  /** Begins a run of a job that is there for it alone. */
  async begin(scripts: Partial<JobSettings['scripts']>): Promise<{ jobId: string; session: string }> {
    return this.system.call(async (client) => {
      const { id } = await client.call('createJob', { body: this.settings(scripts) });
      return { jobId: id, session: (await client.call('runJob', { params: { id }, body: {} })).id };
    });
  }

  async runOf(sessionId: string): Promise<Run | undefined> {
    const { runs } = await this.system.call((client) => client.call('runs', { query: { sessionId } }));
    return runs[0];
  }

  async end(session: string): Promise<Run> {
    let last: Run | undefined;
    await until('the run has ended', async () => (last = await this.runOf(session))?.endedAt !== undefined);
    return last ?? assert.fail();
  }

  async run(scripts: Partial<JobSettings['scripts']>): Promise<Run> {
    return this.end((await this.begin(scripts)).session);
  }

  said(name: string): string {
    return readFileSync(join(this.system.folder, name), 'utf8');
  }
}

test('scripts of a job run where the computer allows them, and the second one whatever became of the backup', {
  skip: needs,
}, async (t) => {
  const jobs = await Jobs.start(t);
  const { system } = jobs;
  const { folder } = system;
  jobs.script('freeze', `env > '${folder}/before'; echo dumped > '${jobs.source}/dump'; echo frozen; echo slowly >&2`);
  jobs.script('thaw', `rm -f '${jobs.source}/dump'; env > '${folder}/after'; echo thawed`);
  jobs.script('fails', 'echo out of luck; exit 7');
  jobs.script('hangs', `echo $$ > '${folder}/pid'; sleep 3600 & echo $! > '${folder}/child'; wait`);

  await system.startAgent();
  const refused = await jobs.run({ pre: 'freeze', post: 'thaw' });
  assert.deepEqual([refused.state, refused.error?.code], ['failed', 'script.refused']);
  assert.match(refused.error?.guidance ?? '', /scripts: \{folder: .*agent\.yaml/);
  assert.deepEqual(system.snapshots, []);
  const warned = await jobs.run({ pre: 'freeze', post: 'thaw', preFailure: 'warn' });
  assert.deepEqual([warned.state, warned.problems.map(({ code }) => code)], ['warning', ['script.refused']]);
  assert.equal(existsSync(join(folder, 'before')), false);
  await system.stopAgent();

  await system.startAgent({ scripts: { folder: jobs.scripts } });
  const { jobId, session } = await jobs.begin({ pre: 'freeze', post: 'thaw' });
  const done = await jobs.end(session);
  assert.equal(done.state, 'succeeded', JSON.stringify(done.error ?? done.problems));
  assert.ok(done.result?.kind === 'backup');
  assert.equal(done.result.totalFiles, 2, 'what the first script made is in the backup');
  assert.equal(existsSync(join(jobs.source, 'dump')), false);
  assert.deepEqual(
    done.result.scripts?.map(({ when, path, output }) => [when, path, output.split('\n').sort()]),
    [
      ['before', join(jobs.scripts, 'freeze'), ['frozen', 'slowly']],
      ['after', join(jobs.scripts, 'thaw'), ['thawed']],
    ],
  );
  const about = [`HOLDFAST_JOB_ID=${jobId}`, 'HOLDFAST_JOB_NAME=with scripts', `HOLDFAST_SESSION_ID=${session}`];
  for (const line of [...about, 'HOLDFAST_SCRIPT=pre']) assert.ok(jobs.said('before').includes(`${line}\n`), line);
  const outcome = ['HOLDFAST_BACKUP_STATUS=complete', `HOLDFAST_SNAPSHOT_ID=${done.result.snapshotId}`];
  for (const line of [...about, ...outcome, 'HOLDFAST_SCRIPT=post'])
    assert.ok(jobs.said('after').includes(`${line}\n`), line);

  const log = await system.call((client) => client.list('runLog', { params: { id: done.id } }));
  assert.ok(
    log.some(({ process, message }) => process === 'agent' && /thaw ended well .* printed: thawed$/.test(message)),
  );

  const failed = await jobs.run({ pre: 'fails', post: 'thaw' });
  assert.deepEqual([failed.state, failed.error?.code], ['failed', 'backup.script']);
  assert.match(failed.error?.message ?? '', /ended with 7\. It printed at the end:\nout of luck/);
  assert.match(jobs.said('after'), /HOLDFAST_BACKUP_STATUS=failed\n/);
  assert.match(jobs.said('after'), /HOLDFAST_ERROR_CODE=backup\.script\n/);
  const second = await jobs.run({ pre: 'freeze', post: 'fails' });
  assert.deepEqual([second.state, second.problems[0]?.code], ['warning', 'backup.script']);

  const hanging = await jobs.begin({ pre: 'hangs', post: 'thaw' });
  await until('its child runs', () => existsSync(join(folder, 'child')) && jobs.said('child').endsWith('\n'));
  writeFileSync(join(folder, 'after'), '');
  await system.call((client) => client.call('stopSession', { params: { id: hanging.session }, body: {} }));
  assert.equal((await jobs.end(hanging.session)).state, 'cancelled');
  // After half a minute the server would not wait for the second script any more.
  await until('the second script has run', () => jobs.said('after').includes('HOLDFAST_BACKUP_STATUS=failed\n'));
  for (const name of ['pid', 'child']) await until(`${name} is gone`, () => hasEnded(Number(jobs.said(name))));
});

test('scripts that others than root could change do not run; those of a policy run without the server', {
  skip: needs,
}, async (t) => {
  const jobs = await Jobs.start(t);
  const { system } = jobs;
  await system.startAgent({ scripts: { folder: jobs.scripts } });
  jobs.script('open', `touch '${system.folder}/was-run'`);
  chmodSync(join(jobs.scripts, 'open'), 0o777);
  const open = await jobs.run({ post: 'open' });
  assert.deepEqual([open.state, open.error?.code], ['failed', 'script.refused']);
  assert.match(open.error?.message ?? '', /scripts\/open may be written to by others than root/);
  assert.equal(existsSync(join(system.folder, 'was-run')), false);
  const body = { ...jobs.settings({}), scripts: { pre: '../freeze' } };
  await assert.rejects(
    system.call((client) => client.call('createJob', { body })),
    { code: 'request.invalid' },
  );
  for (const { id } of await system.call((client) => client.list('jobs', {})))
    await system.call((client) => client.call('deleteJob', { params: { id } }));

  jobs.script('thaw', `env > '${system.folder}/after'; echo thawed`);
  const due = new Date(system.clock.now().getTime() + hourMs).toISOString().slice(11, 16);
  const { id } = await system.call((client) =>
    client.call('createPolicy', { body: { ...jobs.settings({ post: 'thaw' }), schedule: { kind: 'daily', at: due } } }),
  );
  await until('the agent has it', async () => (await system.computer(id))?.handedOutAt !== undefined);
  const file = join(system.folder, 'agent', 'policies.json');
  await until('it is kept', () => existsSync(file) && readFileSync(file, 'utf8').includes(id));
  await system.stopServer();
  system.clock.advance(hourMs);
  await until('its end is kept', () => system.kept.reports.length === 1);
  assert.match(jobs.said('after'), new RegExp(`HOLDFAST_JOB_ID=${id}\n`));
  assert.doesNotMatch(jobs.said('after'), /HOLDFAST_SESSION_ID|PASSWORD/);
  await system.stopAgent();
  await system.startServer();
  await system.startAgent({ scripts: { folder: jobs.scripts } });
  await until('it is reported', async () => (await system.sessions()).some(({ trigger }) => trigger === 'policy'));
  const session = (await system.sessions()).find(({ trigger }) => trigger === 'policy');
  const run = await jobs.runOf(session?.id ?? '');
  assert.ok(run?.result?.kind === 'backup');
  assert.equal(run.result.scripts?.[0]?.output, 'thawed');
});

/** A process that has ended may still wait for its parent; then it has no command line any more. */
function hasEnded(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === '';
  } catch {
    return true;
  }
}
