import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireProgram, skipUnless } from '@holdfast/core/testing';
import { labNeeds } from './lab-needs.ts';
import { makeSource, setFirewall, sourceBytes, ThreeComputers } from './three-computers.ts';

/**
 * A whole fleet across network namespaces: every connection is made between computers with addresses of their own, on the
 * contract's ports. Rows of the contract are live because of these tests.
 */

/** Half of what a rule of 64 KiB/s would make of one backup. */
const slowestMs = (sourceBytes / 2 ** 16 / 2) * 1000;
const isDataPort = (port: number): boolean => port >= 2500 && port <= 3300;

test('a fleet on the contract’s ports', { skip: labNeeds }, async (t) => {
  const fleet = await ThreeComputers.open(t);
  const { server, store, computer } = fleet;
  const source = makeSource(computer);
  const { job, repository } = await fleet.prepare({ source });
  const serverBefore = bytesMoved(server.process('server').pid);
  const run = await fleet.run(job);

  await t.test('a job of the server backs up a Linux computer without any fallback', () => {
    assert.equal(run.state, 'succeeded');
    assert.deepEqual(run.degradations, []);
  });

  await t.test('no backup byte passes the server', () => {
    // What the kernel counted for the server's process, sockets and files alike: 16 MiB if it took them in and passed them on.
    const moved = bytesMoved(server.process('server').pid) - serverBefore;
    assert.ok(moved < sourceBytes, `${moved} bytes were read or written by the server`);
    const stored = readdirSync(join(store.folder, 'repositories'), { recursive: true, withFileTypes: true });
    assert.ok(stored.some((entry) => entry.isFile() && entry.parentPath.includes('/data/')));
  });

  await t.test('a Linux agent holds its control connection to the server on 10006', async () => {
    const use = await fleet.use('posix-agent-control');
    assert.deepEqual(use.ports, [10006]);
    assert.ok(use.connectionsOut > 0 && use.connectionsIn > 0);
  });

  await t.test(
    'the server reaches the transport service of a Linux agent’s computer on 6162 and gives it tasks there',
    async () => {
      assert.equal(run.carrier, 'server-to-agent-transport');
      const use = await fleet.use('server-to-agent-transport');
      assert.deepEqual(use.ports, [6162]);
      assert.ok(use.connectionsOut > 0 && use.connectionsIn > 0);
    },
  );

  await t.test('a Linux agent opens its session at a Linux repository on 6162', async () => {
    const use = await fleet.use('agent-to-mover-transport');
    assert.deepEqual(use.ports, [6162]);
    assert.ok(use.connectionsOut > 0 && use.connectionsIn > 0);
  });

  await t.test('a Linux agent sends its data to a Linux repository over leased ports of 2500 to 3300', async () => {
    const use = await fleet.use('agent-to-mover-data');
    assert.ok(use.ports.length > 0 && use.ports.every(isDataPort), `ports ${use.ports.join()}`);
    assert.ok(use.bytesOut > sourceBytes);
  });

  await t.test(
    'the repository on the store is one that restic can check',
    { skip: skipUnless({ programs: ['restic'] }) },
    async () => {
      const password = (await fleet.command(['repo', 'password', repository, '--show'])).trim();
      const folder = join(store.folder, 'repositories', 'local', repository);
      const args = ['-r', folder, '--no-cache', 'check', '--read-data'];
      const ended = await store.run(requireProgram('restic').path, args, { env: { RESTIC_PASSWORD: password } });
      assert.equal(ended.status, 0, ended.stderr);
    },
  );

  await t.test(
    'an agent whose repository is on its own Linux computer sends its data over leased loopback ports of 2500 to 3300',
    async () => {
      // The mover of the computer is known by its outer address; nothing of the data may pass that.
      const before = await fleet.use('agent-to-mover-data');
      const own = await fleet.prepare({ source, store: computer });
      const run = await fleet.run(own.job);
      assert.equal(run.state, 'succeeded', JSON.stringify(run));
      assert.deepEqual(run.degradations, []);
      const use = await fleet.use('agent-local-data');
      assert.ok(use.ports.length > 0 && use.ports.every(isDataPort), `ports ${use.ports.join()}`);
      assert.ok(use.bytesOut > sourceBytes);
      assert.deepEqual(await fleet.use('agent-to-mover-data'), before);
    },
  );

  await t.test(
    'the mover on the server’s computer dials ports leased on a Linux agent’s computer, so that nothing need be open from the agent to it',
    async () => {
      // From the agent's computer nothing gets to the server's mover.
      setFirewall(server, [`ip saddr ${computer.address} tcp dport { 6162, 2500-3300 } drop`]);
      const dialled = await fleet.prepare({ source, direction: 'mover-dials', store: server });
      const run = await fleet.run(dialled.job);
      setFirewall(server, []);
      assert.equal(run.state, 'succeeded', JSON.stringify(run));
      assert.deepEqual(run.degradations, []);
      const use = await fleet.use('server-to-agent-data');
      assert.ok(use.ports.length > 0 && use.ports.every(isDataPort), `ports ${use.ports.join()}`);
      assert.ok(use.bytesOut > sourceBytes);
    },
  );

  await t.test(
    'bandwidth rules hold between the computers that they name, in both directions, and nowhere else',
    async () => {
      makeSource(computer);
      const rule = (name: string, limit: string, ...ends: string[]) =>
        fleet.command(['bandwidth', 'create', name, limit, ...ends]);
      await rule('elsewhere', '64k', '--from', '10.78.0.0/16');
      await rule('wan', '2m', '--from', `${computer.address}/32`, '--to', store.address);
      const leastMs = (sourceBytes / 2 ** 21 - 0.5) * 1000;
      const isKept = (ms: number): boolean => ms >= leastMs && ms < slowestMs;
      const backup = await fleet.run(job);
      assert.ok(
        isKept(backup.result?.durationMs ?? 0),
        `${sourceBytes} bytes went out in ${backup.result?.durationMs} ms`,
      );
      const begun = performance.now();
      const target = join(computer.folder, 'restored');
      await fleet.command([
        'restore',
        'latest',
        '--agent',
        fleet.id('agent', computer),
        '--repository',
        repository,
        '--target',
        target,
      ]);
      const restoredMs = performance.now() - begun;
      assert.ok(isKept(restoredMs), `${sourceBytes} bytes came back in ${restoredMs} ms`);
      // At that rate it would take two minutes; but what stays on one computer has no limit.
      await rule('everything', '64k');
      makeSource(computer);
      const own = await fleet.run('to-computer-agent-dials');
      assert.ok((own.result?.durationMs ?? slowestMs) < slowestMs);
      for (const name of ['elsewhere', 'wan', 'everything']) await fleet.command(['bandwidth', 'delete', name]);
    },
  );

  await t.test(
    'with 2500 to 3300 blocked, data goes over 6162 and the run says which channel was blocked',
    async () => {
      makeSource(computer);
      const before = await fleet.use('agent-to-mover-transport');
      setFirewall(store, ['tcp dport 2500-3300 reject with tcp reset']);
      const run = await fleet.run(job, 3);
      setFirewall(store, []);
      assert.equal(run.state, 'warning');
      assert.deepEqual(
        run.degradations.map(({ channel, usedInstead }) => [channel, usedInstead]),
        [['agent-to-mover-data', 'agent-to-mover-transport']],
      );
      const use = await fleet.use('agent-to-mover-transport');
      assert.ok(use.bytesOut - before.bytesOut > sourceBytes);
    },
  );

  await t.test(
    'with 6162 of the agent’s computer blocked, tasks go over the connection that the agent holds, and the run says so',
    async () => {
      setFirewall(computer, ['tcp dport 6162 reject with tcp reset']);
      const run = await fleet.run(job, 3);
      setFirewall(computer, []);
      assert.equal(run.state, 'warning');
      assert.equal(run.carrier, 'posix-agent-control');
      assert.deepEqual(
        run.degradations.map(({ channel, usedInstead }) => [channel, usedInstead]),
        [['server-to-agent-transport', 'posix-agent-control']],
      );
    },
  );

  await t.test(
    'with 6162 of the repository blocked, the run fails and the error names the channel and what to do',
    async () => {
      setFirewall(store, ['tcp dport 6162 reject with tcp reset']);
      const run = await fleet.run(job, 1);
      assert.equal(run.state, 'failed');
      assert.equal(run.error?.code, 'channel.refused');
      assert.match(run.error?.message ?? '', /server-to-mover/);
      assert.match(run.error?.guidance ?? '', /holdfast ports list/);
    },
  );
});

/** Bytes that a process has read and written, by the kernel's count (proc(5), rchar and wchar). */
function bytesMoved(pid: number): number {
  const text = readFileSync(`/proc/${pid}/io`, 'utf8');
  const count = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1]);
  return count('rchar') + count('wchar');
}
