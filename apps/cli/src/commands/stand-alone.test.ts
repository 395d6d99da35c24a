import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { initRepository, openRepository } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { compareFolders } from '../demonstration/comparison.ts';
import { type CliResult, jsonLines, jsonResult, runCli, runProgram, startCli } from '../testing/run-cli.ts';
import { makeSampleFolder } from '../testing/sample-folder.ts';

/** The stand-alone commands on a repository in a folder, each run as a process of its own. */

const password = 'correct horse';
const nobody = 65_534;

/** What every command prints with --json when it fails. */
interface Failure {
  readonly error: { readonly code: string };
}

describe('stand-alone commands on a folder', () => {
  const folder = temporaryFolder({ after });
  const passwordFile = join(folder, 'password');
  const source = makeSampleFolder(join(folder, 'source'));

  before(() => {
    writeFileSync(passwordFile, `${password}\n`);
    chmodSync(folder, 0o755);
  });

  /** A new repository without the seconds that a good key derivation takes. */
  async function freshRepository(name: string): Promise<string> {
    const path = join(folder, name);
    await using target = await openLocalDisk({ path, create: true });
    await initRepository(target, { password, keyOptions: { cost: { N: 16, r: 8, p: 1 } } });
    return path;
  }

  const holdfast = (command: string, repository: string, ...args: string[]): Promise<CliResult> =>
    runCli([...command.split(' '), '--repo', repository, '--password-file', passwordFile, ...args]);

  async function snapshotsOf(repository: string): Promise<Record<string, unknown>[]> {
    const { stdout } = await holdfast('snapshots', repository, '--json');
    return jsonResult<Record<string, unknown>[]>(stdout);
  }

  async function assertSame(restored: string, since: Date): Promise<void> {
    const report = await compareFolders({ source, restored: join(restored, source), leftOut: new Set(), since });
    assert.deepEqual(report.differences, []);
    assert.ok(report.files >= 4);
  }

  test('init, backup, snapshots, ls, restore and check, with documented JSON', async () => {
    const since = new Date();
    const repository = join(folder, 'round-trip');
    const made = await holdfast('repo init', repository, '--json');
    assert.equal(made.status, 0, made.stderr);
    const [about] = jsonLines(made.stdout);
    assert.equal(about?.['kind'], 'repository');
    assert.equal((await holdfast('repo init', repository)).status, 1, 'a second time it is refused');

    const first = await holdfast('backup', repository, source, '--tag', 'a,b', '--host', 'web1', '--json');
    assert.equal(first.status, 0, first.stderr);
    const [summary, ...others] = jsonLines(first.stdout);
    assert.equal(others.length, 0, 'one object, progress only on request');
    assert.deepEqual(
      {
        kind: summary?.['kind'],
        files: summary?.['files'],
        totalFiles: summary?.['totalFiles'],
        complete: summary?.['complete'],
      },
      { kind: 'backup', files: { new: 5, changed: 0, unmodified: 0 }, totalFiles: 5, complete: true },
    );
    const second = await holdfast('backup', repository, source, '--host', 'web1', '--json', '--json-progress');
    const lines = jsonLines(second.stdout);
    assert.ok(lines.some(({ kind }) => kind === 'progress'));
    assert.equal(lines.at(-1)?.['parentId'], summary?.['snapshotId']);
    assert.equal(lines.at(-1)?.['readBytes'], 0, 'nothing changed, nothing is read');
    const forced = await holdfast(
      'backup',
      repository,
      source,
      '--host',
      'web2',
      '--force',
      '--exclude',
      '*.txt',
      '--json',
    );
    assert.ok(Number(jsonLines(forced.stdout)[0]?.['readBytes']) > 3_000_000);

    const all = await snapshotsOf(repository);
    assert.deepEqual(
      all.map(({ hostname }) => hostname),
      ['web1', 'web1', 'web2'],
    );
    const tagged = await holdfast('snapshots', repository, '--tag', 'a,b', '--json');
    assert.deepEqual(
      jsonResult<{ id: string }[]>(tagged.stdout).map(({ id }) => id),
      [summary?.['snapshotId']],
    );
    assert.match(
      (await holdfast('snapshots', repository, '--latest', '1')).stdout,
      /web1[\s\S]*web2[\s\S]*2 snapshots\n/,
    );

    const listed = jsonLines(
      (await holdfast('ls', repository, 'latest', source, '--host', 'web1', '-R', '--json')).stdout,
    ).filter(({ message_type: kind }) => kind === 'node');
    assert.deepEqual(listed.map(({ path, type }) => `${String(type)} ${String(path).slice(source.length)}`).sort(), [
      'dir ',
      'dir /deep',
      'dir /deep/er',
      'file /deep/er/ümläut',
      'file /deep/random',
      'file /deep/same',
      'file /empty',
      'file /text [1]*.txt',
      'symlink /link',
    ]);
    const long = await holdfast('ls', repository, `latest:${source}`, '--host', 'web1', '-l');
    assert.match(long.stdout, /-rw-r----- .* 5000 .*\/text \[1\]\*\.txt\n/);

    const target = join(folder, 'restored');
    const restored = await holdfast('restore', repository, 'latest', '--host', 'web1', '--target', target, '--json');
    assert.equal(restored.status, 0, restored.stderr);
    assert.equal(jsonLines(restored.stdout).at(-1)?.['complete'], true);
    await assertSame(target, since);
    const refusing = await holdfast('restore', repository, 'latest', '--target', target, '--overwrite', 'refuse');
    assert.equal(refusing.status, 2, 'a target with something in it is refused where that was asked for');

    const part = join(folder, 'part');
    const reference = `latest:${source}/deep/er`;
    const partial = await holdfast('restore', repository, reference, '--host', 'web1', '--target', part);
    assert.equal(partial.status, 0, partial.stderr);
    assert.deepEqual(readdirSync(part), ['ümläut']);
    const file = await holdfast('restore', repository, `latest:${source}/empty`, '--host', 'web1', '--target', part);
    assert.equal(file.status, 1);
    assert.match(file.stderr, /no folder/);
    const missing = await holdfast('restore', repository, 'latest:/no/such/thing', '--target', join(folder, 'none'));
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /no\/such|has no \/no/);

    const checked = await holdfast('check', repository, '--read-data', '--json');
    assert.equal(checked.status, 0, checked.stdout);
    assert.equal(jsonLines(checked.stdout)[0]?.['sound'], true);
    const info = await holdfast('repo info', repository, '--json');
    assert.equal(jsonLines(info.stdout)[0]?.['id'], about?.['id']);
    assert.equal(jsonResult<{ keys: unknown[] }>(info.stdout).keys.length, 1);
  });

  test('restic checks and restores what holdfast backed up, and the other way round', {
    skip: skipUnless({ programs: ['restic'] }),
  }, async () => {
    const since = new Date();
    const restic = requireProgram('restic').path;
    const env = { RESTIC_PASSWORD: password, RESTIC_CACHE_DIR: join(folder, 'cache') };
    const ours = await freshRepository('ours');
    assert.equal((await holdfast('backup', ours, source)).status, 0);
    const check = await runProgram(restic, ['-r', ours, 'check', '--read-data'], { env });
    assert.equal(check.status, 0, check.stdout + check.stderr);
    await runProgram(restic, ['-r', ours, 'restore', 'latest', '--target', join(folder, 'by-restic')], { env });
    await assertSame(join(folder, 'by-restic'), since);

    const theirs = join(folder, 'theirs');
    await runProgram(restic, ['-r', theirs, 'init'], { env });
    const backup = await runProgram(restic, ['-r', theirs, 'backup', source], { env });
    assert.equal(backup.status, 0, backup.stderr);
    // The variables of restic are enough.
    const restored = await runCli(['restore', 'latest', '--target', join(folder, 'of-restic')], {
      env: { ...env, RESTIC_REPOSITORY: theirs },
    });
    assert.equal(restored.status, 0, restored.stderr);
    await assertSame(join(folder, 'of-restic'), since);
  });

  test('a wrong password is 12, no repository 10, no password 2', async () => {
    const repository = await freshRepository('passwords');
    const wrong = await runCli(['snapshots', '--repo', repository], { env: { HOLDFAST_PASSWORD: 'wrong' } });
    assert.equal(wrong.status, 12);
    assert.match(wrong.stderr, /password fits no key[\s\S]*Code: repository\.password/);
    const asJson = await runCli(['snapshots', '--repo', repository, '--json'], { env: { RESTIC_PASSWORD: 'wrong' } });
    assert.equal(jsonResult<Failure>(asJson.stdout).error.code, 'repository.password');
    assert.equal((await holdfast('snapshots', join(folder, 'nowhere'))).status, 10);
    mkdirSync(join(folder, 'empty-folder'));
    assert.equal((await holdfast('backup', join(folder, 'empty-folder'), source)).status, 10);
    const none = await runCli(['snapshots', '--repo', repository]);
    assert.equal(none.status, 2);
    assert.match(none.stderr, /--password-file/);
    const command = await runCli(['snapshots', '--repo', repository, '--password-command', `cat '${passwordFile}'`]);
    assert.equal(command.status, 0, command.stderr);
    const piped = await runCli(['snapshots', '--repo', repository, '--password-file', '-'], { input: `${password}\n` });
    assert.equal(piped.status, 0, piped.stderr);
  });

  test('a locked repository is 11, and says who holds the lock', async () => {
    const path = await freshRepository('locked');
    await using target = await openLocalDisk({ path });
    const repository = await openRepository(target, { password });
    await using _lock = await repository.lock({ exclusive: true });
    const refused = await holdfast('backup', path, source);
    assert.equal(refused.status, 11, refused.stderr);
    assert.match(refused.stderr, /locked[\s\S]*Code: repository\.locked/);
    assert.deepEqual(await snapshotsOf(path), []);
    assert.equal((await holdfast('check', path)).status, 11);
    assert.equal((await holdfast('check', path, '--no-lock')).status, 0);
  });

  test('what cannot be read is named, the rest is backed up, and the status is 3', {
    skip: skipUnless({ root: true, platform: 'linux' }),
  }, async () => {
    const repository = await freshRepository('unreadable');
    const files = join(folder, 'partly-readable');
    mkdirSync(join(files, 'secret-folder'), { recursive: true });
    writeFileSync(join(files, 'fine'), 'fine');
    chmodSync(join(files, 'secret-folder'), 0o000);
    await runProgram('chown', ['-R', String(nobody), repository]);
    const result = await runCli(['backup', '--repo', repository, '--password-file', passwordFile, files, '--json'], {
      user: nobody,
    });
    assert.equal(result.status, 3, result.stderr);
    assert.match(result.stderr, /secret-folder/);
    const summary = jsonResult<{ complete: boolean; problems: { message: string }[] }>(result.stdout);
    assert.equal(summary.complete, false);
    assert.ok(summary.problems.some(({ message }) => message.includes('secret-folder')));
    assert.equal((await snapshotsOf(repository)).length, 1);
  });

  test('when nothing at all can be read there is no snapshot, and that is a failure', async () => {
    const repository = await freshRepository('nothing');
    const result = await holdfast('backup', repository, join(folder, 'does-not-exist'));
    assert.equal(result.status, 1, result.stderr);
    assert.match(result.stderr, /does-not-exist[\s\S]*Code: backup\.nothing/);
    assert.deepEqual(await snapshotsOf(repository), []);
  });

  test('a tampered pack: check fails and names it, restore fails and names what is lost', async () => {
    const repository = await freshRepository('tampered');
    assert.equal((await holdfast('backup', repository, source)).status, 0);
    const pack = largestPack(repository);
    const bytes = readFileSync(pack.path);
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    chmodSync(pack.path, 0o600);
    writeFileSync(pack.path, bytes);
    assert.equal((await holdfast('check', repository)).status, 0, 'the structure is sound: the bytes were not read');
    const checked = await holdfast('check', repository, '--read-data', '--json');
    assert.equal(checked.status, 1);
    const report = jsonResult<{ sound: boolean; problems: { object: string }[] }>(checked.stdout);
    assert.equal(report.sound, false);
    assert.ok(report.problems.some(({ object }) => object === `pack ${pack.id}`));
    const text = await holdfast('check', repository, '--read-data');
    assert.equal(text.status, 1);
    assert.match(text.stdout, new RegExp(`Error: pack ${pack.id}`));
    const restored = await holdfast('restore', repository, 'latest', '--target', join(folder, 'damaged'));
    assert.equal(restored.status, 1, restored.stderr);
    assert.match(restored.stderr, /storage\.tampered/);
    assert.match(restored.stderr, /deep\/(random|same)/);
  });

  test('Ctrl-C stops a backup with 130: no snapshot, no lock, and a sound repository', {
    skip: skipUnless({ programs: ['restic'] }),
  }, async () => {
    const repository = await freshRepository('interrupted');
    const files = join(folder, 'large');
    mkdirSync(files);
    for (let at = 0; at < 4; at += 1) writeFileSync(join(files, `file-${at}`), randomBytes(16 * 1024 * 1024));
    // Minutes for all of it, so that it is under way whenever Ctrl-C comes.
    const running = startCli([
      ...['backup', '--repo', repository, '--password-file', passwordFile, '--limit-upload', '512'],
      ...[files, '--json', '--json-progress'],
    ]);
    const onData = (piece: Buffer): void => {
      if (piece.toString().includes('"phase":"backup"')) running.child.emit('backing-up');
    };
    running.child.stdout?.on('data', onData);
    await Promise.race([once(running.child, 'backing-up'), running.ended]);
    running.child.kill('SIGINT');
    const result = await running.ended;
    assert.equal(result.status, 130, result.stdout + result.stderr);
    assert.equal(jsonResult<Failure>(result.stdout).error.code, 'run.cancelled');
    assert.deepEqual(readdirSync(join(repository, 'snapshots')), []);
    assert.deepEqual(readdirSync(join(repository, 'locks')), []);
    const check = await runProgram(requireProgram('restic').path, ['-r', repository, 'check', '--read-data'], {
      env: { RESTIC_PASSWORD: password, RESTIC_CACHE_DIR: join(folder, 'cache') },
    });
    assert.equal(check.status, 0, check.stdout + check.stderr);
  });

  test('patterns and paths from files', async () => {
    const repository = await freshRepository('from-files');
    writeFileSync(join(folder, 'patterns'), '# what nobody needs\n\ndeep\n');
    writeFileSync(join(folder, 'paths'), Buffer.from(`${source}\0`));
    const args = ['--exclude-file', join(folder, 'patterns'), '--files-from-raw', join(folder, 'paths')];
    const result = await holdfast('backup', repository, ...args, '--json');
    assert.equal(result.status, 0, result.stderr);
    assert.equal(jsonLines(result.stdout)[0]?.['totalFiles'], 2);
    const absent = await holdfast('backup', repository, source, '--exclude-file', join(folder, 'no-such-file'));
    assert.equal(absent.status, 2);
  });
});

function largestPack(repository: string): { readonly id: string; readonly path: string } {
  const packs = readdirSync(join(repository, 'data'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => ({ id: entry.name, path: join(entry.parentPath, entry.name) }));
  const [largest] = packs.sort((a, b) => statSync(b.path).size - statSync(a.path).size);
  if (!largest) throw new Error('the repository has no packs');
  return largest;
}
