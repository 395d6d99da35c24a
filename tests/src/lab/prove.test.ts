import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { exitStatus } from '@holdfast/core';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import type { Proof } from '@holdfast/lab';
import { holdfastProgram, labNeeds } from './lab-needs.ts';

/**
 * A part of what `npm run proof` does for the main job's computers, on two whose mover dials for the data, which the main job does
 * not have, and which resolve names. Rules are taken away: one for which another stands in, which goes with it then, the one of the
 * data, and those of names over UDP and over TCP.
 */

const execute = promisify(execFile);
const lookMs = 100;

const topology = `
name: server-stores
zones:
  site: { addresses: [10.61.0.0/16] }
features: { mover-dials: true }
hosts:
  server: { zone: site, addresses: [10.61.0.1], names: [server.example.com], roles: [backup-server, data-mover] }
  web: { zone: site, addresses: [10.61.0.2], roles: [agent-linux], uses: [server] }
neighbours:
  dns: { addresses: [10.61.0.53], roles: [dns-server] }
`;
const needs = { skip: labNeeds || skipUnless({ programs: ['dnsmasq'] }) };
const dial = 'server>web:tcp/6162';
const held = 'web>server:tcp/10006';
const data = 'server>web:tcp/2500-3300';
const questions = 'web>dns:udp/53';
const longAnswers = 'web>dns:tcp/53';
const closed = [dial, data, questions, longAnswers];

test(
  'the rules of two computers are enough, and those that are taken away do what the contract says',
  needs,
  async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, 'topology.yaml');
    const out = join(folder, 'proof.json');
    const matrix = join(folder, 'proof.md');
    writeFileSync(file, topology);
    const [program, main] = holdfastProgram;
    const args = ['ports', 'prove', file, '--only', ...closed, '--labs', '2', '--out', out, '--matrix', matrix];
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
      [questions, 'failed', 'passed'],
      [longAnswers, 'failed', 'passed'],
    ]);
    assert.match(readFileSync(matrix, 'utf8'), /are \*\*enough\*\*.*each is \*\*needed\*\*/);
  },
);

test('a proof that is interrupted leaves nothing behind', needs, async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'topology.yaml');
  writeFileSync(file, topology);
  // Places of its own for network namespaces and their files, so that what is left there is not another test's.
  const places = '/run/netns /etc/netns';
  const own = `mkdir -p ${places}; for place in ${places}; do mount -t tmpfs tmpfs $place; done`;
  const script = `${own}; "$@" & trap "kill $!" TERM; wait; wait $!; echo $?; ls ${places} "$TMPDIR"`;
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
  assert.deepEqual(listed, ['/etc/netns:', '', '/run/netns:', '', `${folder}:`, 'topology.yaml', '']);
});
