import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireProgram, skipUnless } from '@holdfast/core/testing';
import type { RunReport } from '@holdfast/lab';
import { labNeeds } from '../lab/lab-needs.ts';
import { makeSource, ThreeComputers } from '../lab/three-computers.ts';
import { OneComputer, rolesOf, waitUntil } from './one-computer.ts';

/** Each process is needed, and none does another's work: stopped, blocked, or watched at its system calls. */

test('each process of a fleet is needed', { skip: labNeeds }, async (t) => {
  const fleet = await ThreeComputers.open(t);
  const { server, store, computer } = fleet;
  const source = makeSource(computer);
  const { job } = await fleet.prepare({ source });

  const show = async (id: string): Promise<RunReport> =>
    (await fleet.json<{ run: RunReport }>(['run', 'show', id])).run;
  const startInTheMiddle = async (): Promise<string> => {
    writeFileSync(join(source, 'changing'), randomBytes(128 * 1024 * 1024));
    const id = (await fleet.command(['job', 'run', job, '--detach'])).trim().split(/\s+/).at(-1) ?? '';
    const { pid } = store.process('mover');
    const moved = bytesReceived(pid);
    await waitUntil('data arrives', () => bytesReceived(pid) - moved > 8 * 1024 * 1024);
    return id;
  };

  await t.test(
    'the mover killed in the middle: the run fails, and the error names the channel and what to do',
    async () => {
      const killInTheMiddle = async (): Promise<RunReport> => {
        const id = await startInTheMiddle();
        await store.process('mover').kill();
        await waitUntil('the run has ended', async () => !['queued', 'running'].includes((await show(id)).state));
        return await show(id);
      };
      let run = await killInTheMiddle();
      // Where this process stood still for a second, the run was over before the mover was.
      for (let again = 0; again < 4 && run.state === 'succeeded'; again += 1) {
        await store.restart('mover');
        await waitUntil('the mover is there', () => fleet.isOnline('mover', store));
        run = await killInTheMiddle();
      }
      assert.equal(run.state, 'failed', JSON.stringify(run));
      assert.match(run.error?.code ?? '', /^channel\./);
      assert.match(run.error?.message ?? '', /agent-to-mover-(data|transport)/);
      assert.notEqual(run.error?.guidance, '');
    },
  );

  await t.test('without the mover of the repository a run fails before anything is read', async () => {
    const run = await fleet.run(job, 1);
    assert.equal(run.state, 'failed');
    assert.equal(run.error?.code, 'channel.refused');
    assert.match(run.error?.message ?? '', /server-to-mover/);
    assert.match(run.error?.message ?? '', new RegExp(`${store.address}.*6162`));
    assert.match(run.error?.guidance ?? '', /mover/);
  });

  await t.test('the mover started again: the next run works', async () => {
    await store.restart('mover');
    await waitUntil('the mover is there', () => fleet.isOnline('mover', store));
    assert.equal((await fleet.run(job)).state, 'succeeded');
  });

  await t.test('without the agent a run fails, and the error names both ways to it', async () => {
    await computer.process('agent').kill();
    await waitUntil('the agent is missed', async () => !(await fleet.isOnline('agent', computer)));
    const run = await fleet.run(job, 1);
    assert.equal(run.state, 'failed');
    assert.match(run.error?.message ?? '', /server-to-agent-transport/);
    assert.match(run.error?.message ?? '', /posix-agent-control/);
    assert.match(run.error?.guidance ?? '', /agent/);
  });

  await t.test('without the server there is no REST API, and the command says which channel and where', async () => {
    await server.process('server').kill();
    const said = await fleet.command(['status'], 1);
    assert.match(said, /Code: channel\.refused/);
    assert.match(said, new RegExp(`client-to-server[\\s\\S]*${server.address}`));
  });
});

test('one computer', { skip: labNeeds }, async (t) => {
  const computer = OneComputer.isolated(t);
  const source = computer.makeFolder('source');
  for (let number = 0; number < 20; number++) writeFileSync(join(source, `file-${number}`), randomBytes(50_000));
  await using _up = await computer.up();
  await computer.prepareJob('files', source);

  await t.test(
    'the agent reads and writes files of its own side only; the repository’s folder is the mover’s',
    {
      skip: skipUnless({ programs: ['strace'] }),
    },
    async () => {
      const roles = rolesOf(computer.data);
      const repositories = join(computer.data, 'repositories');
      const target = join(computer.folder, 'restored');

      const traces = { agent: join(computer.folder, 'agent.trace'), mover: join(computer.folder, 'mover.trace') };
      const tracers = [
        await trace(roles.get('agent') ?? 0, traces.agent),
        await trace(roles.get('mover') ?? 0, traces.mover),
      ];
      assert.equal((await computer.runJob('files')).state, 'succeeded');
      await computer.holdfast(['restore', 'latest', '--target', target]);
      for (const tracer of tracers) await tracer.detach();

      const agent = readFileSync(traces.agent, 'utf8');
      const mover = readFileSync(traces.mover, 'utf8');
      assert.ok(agent.includes('file-19') && agent.includes(source), 'the agent was watched while it read');
      assert.ok(agent.includes(target), 'and while it restored');
      // The mover is the proof that such an access would be seen.
      assert.ok(mover.includes(join(repositories, 'local', 'default', 'data')), 'the mover was watched');
      assert.deepEqual(
        agent.split('\n').filter((line) => line.includes(repositories)),
        [],
      );
      assert.deepEqual(
        mover.split('\n').filter((line) => line.includes(`${source}/`) || line.includes(`${target}/`)),
        [],
      );
    },
  );

  await t.test('2500 to 3300 blocked: data goes over 6162, and the run is degraded by that channel', async () => {
    computer.firewall(['tcp dport 2500-3300 reject with tcp reset']);
    const run = await computer.runJob('files', 3);
    assert.equal(run.state, 'warning');
    assert.deepEqual(
      run.degradations.map(({ channel, usedInstead }) => [channel, usedInstead]),
      [['agent-local-data', 'agent-to-mover-transport']],
    );
  });

  await t.test('6162 blocked: the run fails, and the error names the channel', async () => {
    computer.firewall(['tcp dport 6162 reject with tcp reset']);
    const run = await computer.runJob('files', 1);
    assert.equal(run.state, 'failed');
    assert.equal(run.error?.code, 'channel.refused');
    assert.match(run.error?.message ?? '', /server-to-mover/);
    assert.match(run.error?.guidance ?? '', /holdfast ports list/);
  });

  await t.test('nothing blocked: all is as before', async () => {
    computer.firewall([]);
    const run = await computer.runJob('files');
    assert.deepEqual(run.degradations, []);
  });
});

/** What a process has received, by the kernel's count (proc(5), rchar). */
function bytesReceived(pid: number): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
}

/** Watches every call of a process and its threads that takes a path; descriptors are printed with theirs. */
async function trace(pid: number, file: string): Promise<{ detach(): Promise<void> }> {
  const args = ['-f', '-y', '-s', '4096', '-e', 'trace=%file', '-o', file, '-p', String(pid)];
  const tracer = spawn(requireProgram('strace').path, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  tracer.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const exited = once(tracer, 'exit');
  await waitUntil('strace is attached', () => {
    if (tracer.exitCode !== null) throw new Error(said);
    return said.includes('attached');
  });
  return {
    detach: async () => {
      tracer.kill('SIGINT');
      await exited;
    },
  };
}
