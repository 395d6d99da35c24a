import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireProgram, skipUnless } from '@holdfast/core/testing';
import { OneProcessSystem, until } from '../testing/one-process-system.ts';
import { makeSampleFolder } from '../testing/sample-folder.ts';

const hourMs = 3_600_000;

test('a policy runs without the server, straight to the mover, and is reported once when the server is back', {
  skip: skipUnless({ platform: 'linux', programs: ['restic'] }),
}, async (t) => {
  const system = await OneProcessSystem.start(t);
  const source = makeSampleFolder(join(system.folder, 'source'));
  mkdirSync(join(system.folder, 'restored'));
  await system.startAgent();
  const due = new Date(system.clock.now().getTime() + hourMs);
  const { id } = await system.call((client) =>
    client.call('createPolicy', {
      body: {
        name: 'homes',
        computers: [system.agentId],
        scope: { kind: 'folders', paths: [source] },
        target: { kind: 'own', moverId: system.moverId },
        schedule: { kind: 'daily', at: due.toISOString().slice(11, 16) },
        timeZone: 'UTC',
      },
    }),
  );
  await until('the agent has the policy', async () => (await system.computer(id))?.handedOutAt !== undefined);
  const file = join(system.folder, 'agent', 'policies.json');
  await until('it is kept', () => existsSync(file) && readFileSync(file, 'utf8').includes(id));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(system.snapshots, []);

  await system.stopServer();
  system.clock.advance(hourMs);
  await until('the backup is made', () => system.snapshots.length === 1);
  await until('its end is kept', () => system.kept.reports.length === 1);
  assert.deepEqual(system.kept.due, []);
  // The agent is another process by the time at which it can tell.
  await system.stopAgent();
  await system.startServer();
  assert.deepEqual(await system.sessions(), []);
  await system.startAgent();
  await until('the run is reported', async () => (await system.sessions()).length === 1);
  await until('the report is kept no more', () => system.kept.reports.length === 0);
  const [session] = await system.sessions();
  assert.deepEqual(
    [session?.trigger, session?.jobId, session?.state, session?.degraded],
    ['policy', id, 'succeeded', false],
  );

  // Once more all of them anew: nothing is told twice, and nothing runs twice.
  const before = (await system.computer(id))?.handedOutAt;
  await system.stopAgent();
  await system.startAgent();
  await until('the agent was there again', async () => (await system.computer(id))?.handedOutAt !== before);
  assert.equal((await system.sessions()).length, 1);
  assert.equal(system.snapshots.length, 1);

  const [repository] = await system.call((client) => client.list('repositories', {}));
  assert.ok(repository?.initialisedAt);
  const { password } = await system.call((client) =>
    client.call('repositoryPassword', { params: { id: repository.id } }),
  );
  const location = join(system.folder, 'mover', 'repositories', 'local', repository.name);
  const restic = (...args: string[]): string =>
    execFileSync(requireProgram('restic').path, ['-r', location, '--no-cache', ...args], {
      env: { ...process.env, RESTIC_PASSWORD: password },
      encoding: 'utf8',
    });
  restic('restore', 'latest', '--target', join(system.folder, 'restored'));
  const random = join('deep', 'random');
  assert.ok(readFileSync(join(system.folder, 'restored', source, random)).equals(readFileSync(join(source, random))));
  restic('check');
});
