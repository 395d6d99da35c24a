import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { exitStatus } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import type { Proof } from '@holdfast/lab';
import { holdfastProgram, labNeeds } from './lab-needs.ts';

/**
 * A part of what `npm run proof` does for the main job's computers, on two whose mover dials for the data: which the main job does
 * not have. Two rules are taken away: one for which another stands in, which goes with it then, and the one of the data.
 */

const execute = promisify(execFile);
const lookMs = 100;

const topology = `
name: server-stores
zones:
  site: { addresses: [10.61.0.0/16] }
features: { mover-dials: true }
hosts:
  server: { zone: site, addresses: [10.61.0.1], roles: [backup-server, data-mover] }
  web: { zone: site, addresses: [10.61.0.2], roles: [agent-linux], uses: [server] }
`;
const dial = 'server>web:tcp/6162';
const held = 'web>server:tcp/10006';
const data = 'server>web:tcp/2500-3300';

test('the rules of two computers are enough, and those that are taken away do what the contract says', {
  skip: labNeeds,
}, async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'topology.yaml');
  const out = join(folder, 'proof.json');
  const matrix = join(folder, 'proof.md');
  writeFileSync(file, topology);
  const [program, main] = holdfastProgram;
  const args = ['ports', 'prove', file, '--only', dial, data, '--labs', '2', '--out', out, '--matrix', matrix];
  const { stderr } = await execute(program, [main, ...args], { signal: t.signal });
  const proof = JSON.parse(readFileSync(out, 'utf8')) as Proof;
  assert.ok(proof.holds, stderr);
  assert.deepEqual(
    proof.scenarios.map(({ id }) => id).filter((id) => /backup|restore/.test(id)),
    ['backup of web to server, the mover dials', 'restore of web from server, the mover dials'],
  );
  const kinds = proof.necessary.map(({ closed, cells }) => [
    closed.join(' and '),
    ...new Set(cells.map(({ outcome }) => outcome.kind).sort()),
  ]);
  assert.deepEqual(kinds, [
    [dial, 'degraded', 'passed'],
    [`${dial} and ${held}`, 'failed', 'passed'],
    [data, 'failed', 'passed'],
  ]);
  assert.match(readFileSync(matrix, 'utf8'), /are \*\*enough\*\*.*each is \*\*needed\*\*/);
});

test('a proof that is interrupted leaves nothing behind', { skip: labNeeds }, async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'topology.yaml');
  writeFileSync(file, topology);
  // A place of its own for the names of network namespaces, so that what is left there is not another test's.
  const script =
    'mkdir -p /run/netns; mount -t tmpfs tmpfs /run/netns; "$@" & trap "kill $!" TERM; wait; wait $!; echo $?; ls /run/netns "$TMPDIR"';
  const child = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', ...holdfastProgram, 'ports', 'prove', file], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = text(child.stdout);
  const interruptOnceItRuns = async (): Promise<void> => {
    const roleRuns = (): boolean =>
      readdirSync(folder, { recursive: true }).some((name) => String(name).endsWith('.log'));
    while (!roleRuns() && child.exitCode === null) await setTimeout(lookMs);
    child.kill('SIGTERM');
  };
  const [said] = await Promise.all([text(child.stderr), interruptOnceItRuns()]);
  const [status, ...listed] = (await printed).split('\n');
  assert.equal(status, String(exitStatus.cancelled), said);
  assert.deepEqual(listed, ['/run/netns:', '', `${folder}:`, 'topology.yaml', '']);
});
