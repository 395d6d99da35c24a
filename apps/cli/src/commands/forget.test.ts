import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { requireProgram, skipUnless } from '@holdfast/core/testing';
import { jsonResult, runCli, startCli } from '../testing/run-cli.ts';
import { standAloneFixture } from '../testing/stand-alone-fixture.ts';

/** forget, prune and unlock on repositories that restic wrote, side by side with restic. */

interface Group {
  readonly host: string;
  readonly paths: readonly string[] | null;
  readonly tags: readonly string[] | null;
  readonly keep: readonly { readonly id: string }[] | null;
  readonly remove: readonly { readonly id: string }[] | null;
  readonly reasons:
    | readonly { readonly snapshot: { readonly id: string }; readonly matches: readonly string[] }[]
    | null;
}

describe('forget, prune and unlock', { skip: skipUnless({ programs: ['restic'] }) }, () => {
  const { folder, passwordFile, freshRepository, holdfast, restic, tryRestic } = standAloneFixture();
  const source = join(folder, 'source');
  mkdirSync(source);
  writeFileSync(join(source, 'constant'), randomBytes(300_000));

  /** restic backs up with a new file each: times, hosts, tags and paths as given. */
  async function history(name: string, snapshots: readonly (readonly string[])[]): Promise<string> {
    const repository = await freshRepository(name);
    for (const [at, options] of snapshots.entries()) {
      writeFileSync(join(source, 'changing'), randomBytes(200_000));
      const paths = options.includes('--other') ? [join(source, 'constant')] : [source];
      const time = `2025-0${1 + Math.floor(at / 4)}-1${at % 4} 10:00:00`;
      await restic(repository, 'backup', '--time', time, ...options.filter((option) => option !== '--other'), ...paths);
    }
    return repository;
  }

  const snapshotFiles = (repository: string): string[] => readdirSync(join(repository, 'snapshots'));

  test('chooses what restic would choose, by groups and filters, and removes just that', async () => {
    const hosts = [
      ['--host', 'a'],
      ['--host', 'b', '--tag', 'x,y'],
      ['--host', 'a', '--tag', 'x'],
      ['--host', 'a', '--other'],
    ];
    const repository = await history('choices', [...hosts, ...hosts, ...hosts]);
    const comparable = (groups: readonly Group[]) =>
      groups
        .map(({ host, paths, tags, keep, remove, reasons }) =>
          JSON.stringify([
            host,
            paths,
            tags,
            keep?.map(({ id }) => id),
            remove?.map(({ id }) => id),
            reasons?.map(({ snapshot, matches }) => [snapshot.id, ...matches]),
          ]),
        )
        .sort();
    for (const options of [
      ['--keep-last', '1'],
      ['--keep-daily', '2', '--keep-monthly', 'unlimited', '--group-by', 'host'],
      ['--keep-last', '1', '--group-by', 'tags,paths'],
      ['--keep-within', '40d', '--keep-tag', 'x,y', '--group-by', ''],
      ['-l', '2', '--host', 'a', '--tag', ''],
      ['--keep-last', '1', '--tag', 'x', '--path', source],
      ['--keep-within-daily', '1m2d', '--keep-yearly', '1', '--keep-tag', ''],
    ]) {
      const theirs = await restic(repository, 'forget', '--dry-run', '--json', ...options);
      const ours = await holdfast('forget', repository, '--dry-run', '--json', ...options);
      assert.equal(ours.status, 0, ours.stderr);
      const expected = comparable(JSON.parse(theirs) as Group[]);
      assert.ok(expected.length > 0);
      assert.deepEqual(comparable(jsonResult<Group[]>(ours.stdout)), expected, options.join(' '));
    }
    assert.equal(snapshotFiles(repository).length, 12);
    const done = await holdfast('forget', repository, '--keep-last', '1');
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stdout, /Applying policy: keep 1 latest snapshots/);
    assert.match(done.stdout, /keep 1 snapshot:[\s\S]*last snapshot[\s\S]*remove 5 snapshots:/);
    assert.match(done.stdout, /Removed 9 snapshots\./);
    assert.equal(snapshotFiles(repository).length, 3);
    assert.match(await restic(repository, 'check'), /no errors were found/);
  });

  test('named snapshots go, and nothing goes by mistake', async () => {
    const repository = await history('names', [[], [], [], []]);
    const [first, second] = snapshotFiles(repository);
    const removed = async (...args: string[]): Promise<number | null> =>
      (await holdfast('forget', repository, ...args)).status;
    assert.equal(await removed(), 2, 'without a policy');
    assert.equal(await removed('--keep-last', '0'), 2);
    assert.equal(await removed('--keep-last', '-1'), 2);
    assert.equal(await removed('--keep-tag', 'nobody-has-it'), 2, 'the last one of its group');
    assert.equal(await removed('--unsafe-allow-remove-all'), 2);
    assert.equal(await removed('--keep-last', '1', '--no-lock'), 2);
    assert.equal(await removed('f'.repeat(64), String(first)), 1, 'one of the names is unknown');
    assert.equal(await removed('--keep-within', '5x'), 2);
    assert.equal(snapshotFiles(repository).length, 4);
    assert.equal(await removed(String(first).slice(0, 10), String(second)), 0);
    assert.ok(!snapshotFiles(repository).includes(String(first)));
    assert.equal(await removed('latest', '--dry-run'), 0);
    assert.equal(snapshotFiles(repository).length, 2);
    assert.equal(await removed('--unsafe-allow-remove-all', '--path', source), 0);
    assert.equal(snapshotFiles(repository).length, 0);
  });

  test('a computer named by the environment is the only one, as with restic', async () => {
    const repository = await history('environment', [
      ['--host', 'a'],
      ['--host', 'b'],
    ]);

    const options = ['--repo', repository, '-p', passwordFile, '--unsafe-allow-remove-all'];
    const done = await runCli(['forget', ...options], { env: { RESTIC_HOST: 'a' } });
    assert.equal(done.status, 0, done.stderr);
    assert.equal(snapshotFiles(repository).length, 1);
  });

  test('forget --prune gives back the room, and restic reads everything that is left', async () => {
    const repository = await history('pruned', [[], [], [], [], []]);
    const packs = (): number =>
      readdirSync(join(repository, 'data')).reduce(
        (sum, part) => sum + readdirSync(join(repository, 'data', part)).length,
        0,
      );
    const before = packs();
    const options = ['--keep-last', '1', '--prune', '--max-unused', '0'];
    const planned = await holdfast('forget', repository, '--dry-run', ...options);
    assert.match(planned.stdout, /Would have removed 4 snapshots[\s\S]*Would have made the following changes/);
    assert.equal(packs(), before);
    const done = await holdfast('forget', repository, ...options);
    assert.equal(done.status, 0, done.stderr + done.stdout);
    assert.match(done.stdout, /unused after prune: 0 B[\s\S]*Deleted \d+ packs/);
    assert.ok(packs() < before);
    assert.match(await restic(repository, 'check', '--read-data'), /no errors were found/);
    await restic(repository, 'restore', 'latest', '--target', join(folder, 'restored'));
    assert.ok(existsSync(join(folder, 'restored', source, 'constant')));
    // restic finds nothing to do any more, and goes on with the repository.
    assert.match(await restic(repository, 'prune', '--max-unused', '0'), /to repack: +0 blobs/);
    await restic(repository, 'backup', source);
    const again = await holdfast('prune', repository, '--json');
    const report = jsonResult<{ kind: string; statistics: { packs: { unused: number } }; deleted: unknown }>(
      again.stdout,
    );
    assert.equal(report.kind, 'prune');
    assert.equal(report.statistics.packs.unused, 0);
    const verbose = await holdfast('prune', repository, '--dry-run', '--no-lock', '-v');
    assert.match(verbose.stdout, /totally used packs:/);
    for (const wrong of [
      ['--max-unused', '100%'],
      ['--max-unused', 'much'],
      ['--repack-smaller-than', '17m'],
      ['--no-lock'],
    ])
      assert.equal((await holdfast('prune', repository, ...wrong)).status, 2, wrong.join(' '));
  });

  test('a lock of a living restic is named and waited for; ours stops restic; unlock removes what is abandoned', async () => {
    const repository = await history('locked', [[], []]);
    // restic writes a lock under a name that is longer, and renames it.
    const hasLock = (): boolean => readdirSync(join(repository, 'locks')).some((name) => /^[0-9a-f]{64}$/.test(name));
    // A backup from a pipe holds its lock as long as the pipe is open.
    const holder = spawn(
      requireProgram('restic').path,
      ['-r', repository, '-p', passwordFile, '--no-cache', 'backup', '--stdin'],
      {
        stdio: ['pipe', 'ignore', 'ignore'],
      },
    );
    try {
      while (!hasLock()) await new Promise((resolve) => setTimeout(resolve, 50));
      const refused = await holdfast('forget', repository, '--keep-last', '1');
      assert.equal(refused.status, 11, refused.stderr);
      assert.match(refused.stderr, new RegExp(`locked by process ${holder.pid} of .+ on .+ \\(refreshed \\d{4}-`));
      // The first half of a prune goes on beside a backup; a dry run is only that.
      assert.equal((await holdfast('prune', repository, '--dry-run')).status, 0);
      const living = await holdfast('unlock', repository);
      assert.equal(living.status, 0);
      assert.equal(readdirSync(join(repository, 'locks')).length, 1);
      const waiting = startCli([
        ...['forget', '--repo', repository, '--password-file', passwordFile],
        ...['--keep-last', '1', '--retry-lock', '1m'],
      ]);
      const waits = new Promise((resolve) => waiting.child.stderr?.once('data', resolve));
      await Promise.race([waits, waiting.ended]);
      holder.stdin.end('content');
      await once(holder, 'exit');
      const waited = await waiting.ended;
      assert.equal(waited.status, 0, waited.stderr);
      assert.match(waited.stderr, /Waiting up to 1 m 00 s/);
    } finally {
      holder.kill();
    }
    // One that was killed leaves its lock.
    const killed = spawn(
      requireProgram('restic').path,
      ['-r', repository, '-p', passwordFile, '--no-cache', 'backup', '--stdin'],
      {
        stdio: ['pipe', 'ignore', 'ignore'],
      },
    );
    while (!hasLock()) await new Promise((resolve) => setTimeout(resolve, 50));
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    const removed = await holdfast('unlock', repository, '--json');
    assert.deepEqual(jsonResult(removed.stdout), { kind: 'unlock', removed: 1 });
    assert.deepEqual(readdirSync(join(repository, 'locks')), []);
    assert.equal((await tryRestic(repository, ['prune'])).status, 0);
  });
});
