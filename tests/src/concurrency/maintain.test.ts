import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { SharedRepository } from './shared-repository.ts';

/** forget and prune over the network: who may, what stops them, and what they leave. */

test('forget and prune work through the mover with a grant to maintain, beside a backup of restic', {
  skip: skipUnless({ programs: ['restic'], platform: 'linux' }),
  timeout: 400_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  await using shared = await SharedRepository.start(folder);
  const append = await shared.access('append', 'computer');
  const maintain = await shared.access('maintain', 'maintainer');
  const read = await shared.access('read', 'reader');
  const source = join(folder, 'source.bin');
  const snapshots = async (): Promise<{ id: string }[]> =>
    JSON.parse(await shared.ended(shared.restic(['snapshots', '--json'], read))) as { id: string }[];
  for (let round = 0; round < 4; round += 1) {
    writeFileSync(
      source,
      Buffer.alloc(1_500_000, `round ${round}\n`).map((byte, at) => byte ^ (at * 7 + round * at)),
    );
    await shared.ended(shared.holdfast(['backup', source], append));
  }

  const refused = await shared.holdfast(['forget', '--keep-last', '1'], append);
  assert.equal(refused.status, 1, refused.stderr);
  assert.match(refused.stderr, /Only a grant to maintain may lock a repository exclusively[\s\S]*grant\.mode/);
  assert.equal((await snapshots()).length, 4);
  await shared.ended(shared.holdfast(['forget', '--keep-last', '1'], maintain));
  assert.equal((await snapshots()).length, 1);

  // A backup from a pipe goes on as long as the pipe is open: the first half of a prune passes, the second waits.
  const before = shared.storedPacks();
  const backup = spawn(
    requireProgram('restic').path,
    ['--no-cache', '--cacert', append['RESTIC_CACERT'] ?? '', 'backup', '--stdin'],
    { env: { ...process.env, ...append }, stdio: ['pipe', 'ignore', 'inherit'] },
  );
  const backedUp = once(backup, 'exit');
  while ((await shared.ended(shared.restic(['list', 'locks', '--no-lock'], read))).trim() === '')
    assert.equal(backup.exitCode, null);
  const { promise: waits, resolve } = Promise.withResolvers<void>();
  let said = '';
  const pruning = shared.holdfast(['prune', '--max-unused', '0'], maintain, (text) => {
    said += text;
    if (/locked by process \d+ of [\s\S]* Waiting up to 1 h 00 m to delete/.test(said)) resolve();
  });
  assert.equal(await Promise.race([waits, pruning]), undefined, 'the prune waits');
  assert.ok(shared.storedPacks() >= before, 'nothing is deleted while somebody backs up');
  backup.stdin.end('the last words');
  assert.deepEqual(await backedUp, [0, null]);
  const pruned = await pruning;
  assert.equal(pruned.status, 0, pruned.stderr);
  assert.ok(shared.storedPacks() < before + 2);
  assert.equal((await snapshots()).length, 2);
  assert.match(await shared.ended(shared.restic(['check', '--read-data'], read)), /no errors were found/);
  const target = join(folder, 'restored');
  await shared.ended(shared.restic(['restore', 'latest', '--target', target], read));
  assert.deepEqual(await shared.ended(shared.holdfast(['unlock'], maintain)), '');
});
