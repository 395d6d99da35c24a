import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { type CliResult, runCli, runProgram } from '../testing/run-cli.ts';
import { type RunningSystem, startSystem } from '../testing/running-system.ts';

/** One command, two places: a repository that is opened here, and the same one read by its executor for the server. */

const firstPort = 24_000 + (process.pid % 1500) * 5;
const worker = new URL('../testing/commands-worker.ts', import.meta.url).pathname;
const large = randomBytes(5_000_000);

describe('commands through the server', { skip: skipUnless({ platform: 'linux' }) }, () => {
  const folder = temporaryFolder({ after });
  const source = join(folder, 'source');
  const passwordFile = join(folder, 'password');
  let system: RunningSystem;
  let repositoryId: string;
  let location: string;
  let first: string;
  let second: string;

  const byServer = (...args: string[]): Promise<CliResult> =>
    runCli(args, { env: { HOLDFAST_DATA: system.data, TZ: 'Asia/Tokyo' } });

  async function backUp(jobId: string): Promise<string> {
    const session = await system.client.call('runJob', { params: { id: jobId }, body: {} });
    const { runs } = await system.client.call('runs', { query: { sessionId: session.id } });
    const run = runs[0] ?? assert.fail();
    for await (const seen of system.client.events('runEvents', { params: { id: run.id } }))
      if (seen.result?.kind === 'backup') return seen.result.snapshotId;
    const { result } = await system.client.call('run', { params: { id: run.id } });
    assert.ok(result?.kind === 'backup');
    return result.snapshotId;
  }

  before(async () => {
    system = await startSystem(folder, firstPort);
    const { computers } = await system.client.call('computers', { query: {} });
    const idOf = (role: string) => computers.find((computer) => computer.role === role)?.id ?? assert.fail(role);
    const repository = await system.client.call('createRepository', {
      body: { name: 'books', moverId: idOf('mover') },
    });
    ({ id: repositoryId, location } = repository);
    const { password } = await system.client.call('repositoryPassword', { params: { id: repositoryId } });
    writeFileSync(passwordFile, password);
    mkdirSync(join(source, 'sub', 'deep'), { recursive: true });
    writeFileSync(join(source, 'large.bin'), large);
    writeFileSync(join(source, 'sub', 'deep', 'Note.TXT'), 'a note');
    writeFileSync(Buffer.concat([Buffer.from(`${source}/sub/`), Buffer.from([0xff, 0x0a, 0x22])]), 'odd');
    writeFileSync(join(source, 'sub', 'gone'), 'soon');
    symlinkSync('deep/Note.TXT', join(source, 'sub', 'link'));
    const { id: jobId } = await system.client.call('createJob', {
      body: {
        name: 'files',
        computers: [idOf('agent')],
        target: { kind: 'shared', repositoryId },
        scope: { kind: 'folders', paths: [source] },
      },
    });
    first = await backUp(jobId);
    // Times are given in seconds: the second backup must not be of the same one.
    await setTimeout(1000);
    writeFileSync(join(source, 'sub', 'gone'), 'changed');
    writeFileSync(join(source, 'sub', 'new'), 'new');
    second = await backUp(jobId);
  });
  after(() => system[Symbol.asyncDispose]());

  test('lists, searches, numbers, differences and archives are the same either way', async () => {
    const commands = [
      ['ls', '-l', first.slice(0, 8), join(source, 'sub')],
      ['ls', '--json', `latest:${source}`, '/sub', '--recursive'],
      ['ls', '--ncdu', 'latest'],
      ['find', '--json', 'NOTE.*', 'new', '-i', '--newest', '2999-01-01'],
      ['stats', '--mode', 'raw-data', 'latest', '--json'],
      ['diff', '--metadata', `${first}:${source}`, `latest:${source}`],
      ['dump', `latest:${source}`, '/sub', '--archive', 'zip'],
      ['forget', '--keep-last', '1', '--dry-run'],
    ];
    // One process each: starting one takes longer than what it does.
    const all = (more: readonly string[], env: Readonly<Record<string, string>>): Promise<CliResult> =>
      runProgram(process.execPath, [worker, JSON.stringify(commands.map((args) => [...args, ...more]))], {
        env: { ...env, TZ: 'Asia/Tokyo' },
      });
    const alone = await all(['--repo', location, '-p', passwordFile], {});
    const managed = await all([], { HOLDFAST_DATA: system.data });
    assert.deepEqual([alone.status, managed.status], [0, 0], `${alone.stderr}${managed.stderr}`);
    assert.deepEqual(managed.stdout.split('\n'), alone.stdout.split('\n'));
  });

  test('a large file and an archive arrive whole, also in parts; what is no file says so', async () => {
    const path = join(source, 'large.bin');
    const target = join(folder, 'large.bin');
    const dumped = await byServer('dump', 'latest', path, '--target', target);
    assert.equal(dumped.status, 0, dumped.stderr);
    assert.equal(hashOf(readFileSync(target)), hashOf(large));
    const params = { id: repositoryId, snapshotId: second };
    const part = await system.client.bytes(
      'downloadContents',
      { params, query: { path } },
      { range: 'bytes=1500000-3999999' },
    );
    assert.equal(part.status, 206);
    assert.equal(part.headers['content-range'], `bytes 1500000-3999999/${large.length}`);
    assert.equal(hashOf(await collected(part.body)), hashOf(large.subarray(1_500_000, 4_000_000)));
    for (const query of [{ path: '/nowhere' }, { path: join(source, 'sub', 'link') }])
      await assert.rejects(system.client.bytes('downloadContents', { params, query }), (error: unknown) =>
        /request\.(missing|conflict)/.test(String((error as { code?: string }).code)),
      );
  });

  test('restic finds in the archive what it restores itself', {
    skip: skipUnless({ programs: ['restic'] }),
  }, async () => {
    const restic = requireProgram('restic');
    const [ours, theirs] = [join(folder, 'ours'), join(folder, 'theirs')];
    mkdirSync(ours);
    const archive = join(folder, 'sub.tar');
    assert.equal((await byServer('dump', `latest:${source}`, '/', '-t', archive)).status, 0);
    assert.equal((await runProgram('tar', ['-xf', archive, '-C', ours])).status, 0);
    const env = { RESTIC_REPOSITORY: location, RESTIC_PASSWORD_FILE: passwordFile };
    const restored = await runProgram(
      restic.path,
      ['restore', `${second}:${source}`, '--target', theirs, '--no-cache'],
      { env },
    );
    assert.equal(restored.status, 0, restored.stderr);
    const compared = await runProgram('diff', ['-r', '--no-dereference', ours, theirs]);
    assert.equal(compared.status, 0, compared.stdout);
  });

  test('a restore says beforehand what is in the way, changes nothing until it is done, and keeps what is to stay', async () => {
    const target = join(folder, 'restored');
    mkdirSync(join(target, 'sub'), { recursive: true });
    writeFileSync(join(target, 'sub', 'new'), 'of the target');
    const restore = (...args: string[]) =>
      byServer('restore', `latest:${source}`, '--target', target, '--exclude', '*.bin', ...args);
    const refused = await restore();
    assert.match(refused.stderr, /restore\.target/);
    const dry = await restore('--dry-run');
    assert.match(dry.stdout, /Would be[\s\S]*Would overwrite 1 entry\n\s+\/sub\/new\n/, dry.stderr);
    assert.deepEqual(new Set(readdirSync(target, { recursive: true, encoding: 'utf8' })), new Set(['sub', 'sub/new']));
    const kept = await restore('--overwrite', 'never', '--verify');
    assert.match(kept.stdout, /Kept {6}[\s\S]*Verified/, kept.stderr);
    assert.equal(readFileSync(join(target, 'sub', 'new'), 'utf8'), 'of the target');
    assert.equal(readFileSync(join(target, 'sub', 'deep', 'Note.TXT'), 'utf8'), 'a note');
    assert.equal(existsSync(join(target, 'large.bin')), false);
    const replaced = await restore('--overwrite', 'if-changed');
    assert.match(replaced.stdout, /Overwrote 1 entry/, replaced.stderr);
    assert.equal(readFileSync(join(target, 'sub', 'new'), 'utf8'), 'new');
  });

  test('a restore that deletes shows what, and needs to be told what becomes of the rest', async () => {
    const target = join(folder, 'made-equal');
    mkdirSync(join(target, 'sub', 'foreign'), { recursive: true });
    writeFileSync(join(target, 'sub', 'foreign', 'file'), 'not in the snapshot');
    writeFileSync(join(target, 'kept.bin'), 'left out by the pattern');
    const restore = (...args: string[]) =>
      byServer('restore', `latest:${source}`, '--target', target, '--exclude', '*.bin', '--delete', ...args);
    assert.match((await restore()).stderr, /request\.invalid/);
    const dry = await restore('--dry-run');
    assert.match(dry.stdout, /Would delete 2 entries\n\s+\/sub\/foreign\n\s+\/sub\/foreign\/file\n/, dry.stderr);
    assert.ok(existsSync(join(target, 'sub', 'foreign', 'file')));
    const done = await restore('--overwrite', 'always', '--ownership-by-name', '--exclude-xattr', 'user.*');
    assert.match(done.stdout, /Deleted {3}2 entries/, done.stderr);
    assert.deepEqual(readdirSync(join(target, 'sub')).sort(), readdirSync(join(source, 'sub')).sort());
    assert.equal(readFileSync(join(target, 'kept.bin'), 'utf8'), 'left out by the pattern');
    const contradictory = await restore('--overwrite', 'always', '--include-xattr', 'a', '--exclude-xattr', 'b');
    assert.match(contradictory.stderr, /exclude each other/);
    const everything = await byServer('restore', 'latest', '--target', '/', '--delete', '--dry-run');
    assert.match(everything.stderr, /--target \/ with --delete/);
  });

  test('a time takes the backup of that time; check, forget and prune are runs of the executor', async () => {
    const { snapshots } = await system.client.call('snapshots', { query: { repositoryId } });
    const at = snapshots.find(({ id }) => id === first)?.takenAt ?? assert.fail();
    const then = new Date(Math.ceil(Date.parse(at) / 1000) * 1000).toISOString().replace('.000Z', 'Z');
    const dumped = await byServer('dump', 'latest', '--at', then, join(source, 'sub', 'gone'));
    assert.equal(dumped.stdout, 'soon', dumped.stderr);
    const checked = await byServer('check', '--repository', 'books', '--read-data-subset', '1/2');
    assert.match(checked.stdout, /Sound {5}2 snapshots/, checked.stderr);
    const forgotten = await byServer('forget', first);
    assert.match(forgotten.stdout, /Removed 1 snapshot/, forgotten.stderr);
    const packs = (): string[] => readdirSync(join(location, 'data'), { recursive: true, encoding: 'utf8' }).sort();
    const before = packs();
    const dry = await byServer('prune', '--repository', 'books', '--max-unused', '0%', '--dry-run');
    const [, count] = /Would delete (\d+) packs?, /.exec(dry.stdout) ?? assert.fail(dry.stderr);
    assert.deepEqual(packs(), before);
    const pruned = await byServer('prune', '--repository', 'books', '--max-unused', '0%');
    assert.match(pruned.stdout, new RegExp(`Deleted {3}${count} pack`), pruned.stderr);
    const left = await system.client.call('snapshots', { query: { repositoryId } });
    assert.deepEqual(
      left.snapshots.map(({ id }) => id),
      [second],
    );
  });
});

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function collected(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}
