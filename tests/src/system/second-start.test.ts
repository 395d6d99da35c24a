import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { labNeeds } from '../lab/lab-needs.ts';
import { type ListeningSocket, listeningSockets, OneComputer, rolesOf, waitUntil } from './one-computer.ts';

/** Two starts on one computer, and how a start ends. */

interface Demonstrated {
  readonly comparison: { readonly differenceCount: number };
  readonly listening: readonly { readonly channel: string; readonly port: number; readonly reason?: string }[];
}

test('a second start says what it found and harms nothing; Ctrl-C ends everything', { skip: labNeeds }, async (t) => {
  const computer = OneComputer.isolated(t);
  const source = computer.makeFolder('source');
  writeFileSync(join(source, 'file'), 'content\n');
  await using up = await computer.up();
  const processes = rolesOf(computer.data);

  await t.test('with the same data directory it ends at once and says who runs', async () => {
    const second = await computer.holdfast(['up', '--demonstrate', source], { status: 1 });
    assert.match(second.stderr, /Code: process\.running/);
    assert.match(second.stderr, new RegExp(`running already with the data directory ${computer.data}`));
    assert.match(second.stderr, /https:\/\/127\.0\.0\.1:443\/api\/v1/);
    assert.match(second.stderr, /What to do: .*--data/);
    assert.equal(second.stdout, '');
  });

  await t.test('with another data directory it takes other ports, says each with the reason, and works', async () => {
    const data = join(computer.folder, 'other-data');
    const second = await computer.holdfast(['up', '--demonstrate', '--once', '--json', '--data', data, source]);
    const { comparison, listening } = JSON.parse(second.stdout) as Demonstrated;
    assert.equal(comparison.differenceCount, 0);
    const usual = new Map([
      ['client-to-server', 443],
      ['posix-agent-control', 10006],
      ['windows-agent-control', 10005],
      ['recovery-media-credential-sign-in', 10001],
      ['server-to-mover', 6162],
      ['agent-control-panel', 9395],
    ]);
    for (const [channel, port] of usual) {
      const found = listening.find((entry) => entry.channel === channel);
      assert.ok(found?.reason !== undefined && found.port !== port, `${channel}: ${JSON.stringify(found)}`);
      assert.match(found.reason, new RegExp(`\\b${port}\\b`));
      assert.ok(second.stderr.includes(`Port: ${found.reason}`), second.stderr);
      assert.ok(found.reason.includes(String(found.port)), found.reason);
    }
    assert.equal(listening.find(({ channel }) => channel === 'client-to-server')?.port, 8443);
    assert.equal(rolesOf(data).size, 0);
  });

  await t.test('the first goes on working', async () => {
    assert.ok(up.isRunning);
    assert.deepEqual(rolesOf(computer.data), processes, 'the same processes');
    await computer.prepareJob('files', source);
    assert.equal((await computer.runJob('files')).state, 'succeeded');
  });

  await t.test('Ctrl-C ends every process and frees every port', async () => {
    await using another = await computer.up([
      '--data',
      join(computer.folder, 'short'),
      '--config',
      portsElsewhere(computer),
    ]);
    const ours = (sockets: readonly ListeningSocket[]): number[] =>
      sockets.map(({ port }) => port).filter((port) => [443, 10005, 10006, 6162, 9395].includes(port));
    assert.deepEqual(new Set(ours(listeningSockets(up.pid))), new Set([443, 6162, 9395, 10005, 10006]));
    const ended = await up.interrupt();
    assert.equal(ended.status, 0, ended.stderr);
    assert.match(ended.stderr, /Shutting down/);
    assert.equal(rolesOf(computer.data).size, 0);
    // The other one sees the same network, and is left alone.
    assert.deepEqual(ours(listeningSockets(another.pid)), []);
    assert.equal(rolesOf(join(computer.folder, 'short')).size, 3);
  });
});

test('when `up` is killed, what it started ends by itself, and the next start works; when a process of it dies, it says which', {
  skip: labNeeds,
}, async (t) => {
  const computer = OneComputer.isolated(t);
  const source = computer.makeFolder('source');
  writeFileSync(join(source, 'file'), 'content\n');
  const up = await computer.up();
  assert.deepEqual([...rolesOf(computer.data).keys()].sort(), ['agent', 'mover', 'server']);
  assert.equal((await up.kill()).signal, 'SIGKILL');
  await waitUntil('its processes have ended', () => rolesOf(computer.data).size === 0);
  const whenItDies = async (role: 'agent' | 'server', again: Awaited<ReturnType<OneComputer['up']>>): Promise<void> => {
    process.kill(rolesOf(computer.data).get(role) ?? 0, 'SIGKILL');
    const ended = await again.ended;
    assert.equal(ended.status, 1);
    assert.match(ended.stderr, new RegExp(`The process of the ${role} has ended`));
    assert.match(ended.stderr, new RegExp(`${role}\\.log`));
    assert.equal(rolesOf(computer.data).size, 0);
  };
  await using again = await computer.up();
  assert.doesNotMatch(again.said, /Port:/, 'the ports are free again');
  await computer.prepareJob('files', source);
  assert.equal((await computer.runJob('files')).state, 'succeeded');
  await whenItDies('agent', again);
  await using last = await computer.up();
  await whenItDies('server', last);
});

function portsElsewhere(computer: OneComputer): string {
  const file = join(computer.folder, 'elsewhere.json');
  const same = (port: number, ...channels: string[]) => Object.fromEntries(channels.map((channel) => [channel, port]));
  const ports = {
    ...same(30_001, 'client-to-server'),
    ...same(30_002, 'posix-agent-control', 'enrolment', 'mover-to-server'),
    ...same(30_003, 'windows-agent-control', 'windows-enrolment'),
    ...same(30_005, 'recovery-media-credential-sign-in'),
    ...same(30_004, 'server-to-mover', 'agent-to-mover-transport', 'client-to-mover', 'server-to-agent-transport'),
    ...same(30_004, 'mover-to-agent-transport'),
  };
  writeFileSync(file, JSON.stringify({ ports }));
  return file;
}
