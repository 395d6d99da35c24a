import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '@holdfast/core';
import { type Computer, candidatePorts, channels, channelsOf, isOff } from './index.ts';

function listeningPorts(computer: Computer): Set<number> {
  return new Set(channelsOf(computer).listens.flatMap((entry) => [...candidatePorts(entry)]));
}

function idsOf(entries: readonly { readonly id: string }[]): string[] {
  return entries.map(({ id }) => id);
}

test('6184 to 6194 are open on Windows agents and nowhere else', () => {
  assert.ok(listeningPorts({ roles: ['agent-windows'], platform: 'windows' }).has(6194));
  for (const role of ['agent-linux', 'agent-unix', 'agent-macos', 'backup-server', 'repository'] as const)
    assert.ok(!listeningPorts({ roles: [role] }).has(6184), role);
});

test('nothing dials in to a macOS agent or a cloud machine, except to try a port out', () => {
  assert.deepEqual(idsOf(channelsOf({ roles: ['agent-macos'], platform: 'macos' }).listens), ['probe']);
  assert.deepEqual(idsOf(channelsOf({ roles: ['cloud-machine-ec2'] }).listens), []);
});

test('a repository on Linux takes part as repository and as data mover', () => {
  const ids = idsOf(channelsOf({ roles: ['repository'], platform: 'linux', process: 'mover' }).listens);
  for (const id of ['agent-to-mover-transport', 'agent-to-mover-data', 'server-to-mover', 'client-to-mover'])
    assert.ok(ids.includes(id), id);
  assert.ok(!ids.includes('agent-to-windows-gateway-smb'));
  assert.ok(!ids.includes('agent-to-mover-data-overflow'));
  assert.ok(
    idsOf(channelsOf({ roles: ['repository'], platform: 'windows' }).listens).includes('agent-to-mover-data-overflow'),
  );
});

test("the mover, not the agent, holds 6162 and the data range of an agent's computer", () => {
  const computer = { roles: ['agent-linux'], platform: 'linux' } as const;
  assert.ok(listeningPorts({ ...computer, process: 'mover' }).has(6162));
  assert.ok(!listeningPorts({ ...computer, process: 'agent' }).has(6162));
  assert.ok(idsOf(channelsOf({ ...computer, process: 'mover' }).dials).includes('mover-to-server'));
  assert.ok(idsOf(channelsOf({ ...computer, process: 'agent' }).dials).includes('posix-agent-control'));
});

test('recovery media stand in for the agent of their platform', () => {
  const ids = idsOf(channelsOf({ roles: ['recovery-media'], platform: 'windows' }).dials);
  for (const id of ['recovery-token-sign-in', 'identity-tokens', 'agent-to-mover-transport'])
    assert.ok(ids.includes(id), id);
});

test('what stays inside a computer is never listed as open, and what is off is not listed at all', () => {
  const all = channelsOf({ roles: ['agent-windows', 'gateway-windows', 'backup-server'], platform: 'windows' });
  assert.ok(idsOf(all.local).includes('windows-agent-local-data'));
  for (const entry of [...all.listens, ...all.dials]) {
    assert.ok(!entry.loopbackOnly && entry.transport !== 'local', entry.id);
    assert.ok(!isOff(entry.id), entry.id);
  }
});

test('a role on a platform that it does not exist on is refused', () => {
  assert.throws(
    () => channelsOf({ roles: ['agent-windows'], platform: 'linux' }),
    (error) => hasCode(error, 'usage.configuration'),
  );
});

test('every channel shows up at both of its ends', () => {
  for (const entry of channels.filter(({ id }) => !isOff(id))) {
    const [from] = entry.from;
    const [to] = entry.to;
    assert.ok(from && to, entry.id);
    const dialler = channelsOf({ roles: [from] });
    const listener = channelsOf({ roles: [to] });
    assert.ok([...dialler.dials, ...dialler.local].includes(entry), entry.id);
    assert.ok([...listener.listens, ...listener.local].includes(entry), entry.id);
  }
});
