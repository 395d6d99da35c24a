import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireProgram, skipUnless } from '@holdfast/core/testing';
import { labNeeds } from '../lab/lab-needs.ts';
import { type Access, grantFor } from './access.ts';
import { fingerprint, makeNastyTree, nastyTreeNeeds } from './nasty-tree.ts';
import { OneComputer } from './one-computer.ts';

/** An unmodified restic works with the mover through nothing but its REST URL and a grant; both read what the other wrote. */

test('restic backs up to, checks and restores from the mover', {
  skip: labNeeds || skipUnless({ programs: ['restic', ...nastyTreeNeeds] }),
}, async (t) => {
  const computer = OneComputer.isolated(t);
  const source = computer.makeFolder('source');
  makeNastyTree(source);
  const before = fingerprint(source);
  await using _up = await computer.up();
  // The first backup makes the repository.
  await computer.prepareJob('files', source, 'shared');
  const own = await computer.runJob('files');

  const restic = (access: Access, args: readonly string[], status = 0) =>
    computer.run(requireProgram('restic').path, ['--no-cache', ...args], { env: access, status });
  let append: Access = {};
  let read: Access = {};

  await t.test('`grant create` gives what restic needs', async () => {
    append = await grantFor(computer, {
      repository: 'shared',
      mode: 'append',
      folder: join(computer.folder, 'append'),
    });
    read = await grantFor(computer, { repository: 'shared', mode: 'read', folder: join(computer.folder, 'read') });
    assert.equal(append['RESTIC_REPOSITORY'], 'rest:https://127.0.0.1:6162/local/shared/');
  });

  await t.test('backup, check of every byte, restore', async () => {
    const snapshot = JSON.parse(
      (await restic(append, ['backup', '--json', '--tag', 'by-restic', source])).stdout.trimEnd().split('\n').at(-1) ??
        '',
    ) as { snapshot_id: string };
    await restic(read, ['check', '--read-data']);
    const target = join(computer.folder, 'by-restic');
    await restic(read, ['restore', snapshot.snapshot_id, '--target', target]);
    assert.deepEqual(fingerprint(join(target, source)), before);
    // Of what the agent wrote.
    const other = join(computer.folder, 'own-by-restic');
    await restic(read, ['restore', own.result?.snapshotId ?? '', '--target', other]);
    assert.deepEqual(fingerprint(join(other, source)), before);
  });

  await t.test('holdfast restores what restic wrote there, over the same URL', async () => {
    const target = join(computer.folder, 'by-holdfast');
    const env = read;
    await computer.holdfast(['check', '--read-data'], { env });
    await computer.holdfast(['restore', 'latest', '--tag', 'by-restic', '--target', target], { env });
    assert.deepEqual(fingerprint(join(target, source)), before);
  });

  await t.test('the agent restores what restic wrote there', async () => {
    const snapshots = JSON.parse((await restic(read, ['snapshots', '--json', '--tag', 'by-restic'])).stdout) as {
      id: string;
    }[];
    const target = join(computer.folder, 'by-agent');
    const { repositories } = await computer.json<{ repositories: { id: string; name: string }[] }>(['repo', 'list']);
    const { computers } = await computer.json<{ computers: { id: string }[] }>([
      'computers',
      'list',
      '--role',
      'agent',
    ]);
    const body = {
      repositoryId: repositories.find(({ name }) => name === 'shared')?.id,
      agentId: computers[0]?.id,
      snapshotId: snapshots[0]?.id,
      target,
    };
    const run = await computer.request<{ id: string }>('POST', '/api/v1/restores', body);
    const shown = await computer.json<{ run: { state: string } }>(['run', 'show', run.id, '--follow']);
    assert.equal(shown.run.state, 'succeeded');
    assert.deepEqual(fingerprint(join(target, source)), before);
  });

  await t.test('a grant to append does not let restic delete, and one to read does not let it write', async () => {
    await restic(append, ['forget', own.result?.snapshotId ?? ''], 3);
    await restic(read, ['backup', source], 1);
    assert.equal((JSON.parse((await restic(read, ['snapshots', '--json'])).stdout) as unknown[]).length, 2);
  });
});
