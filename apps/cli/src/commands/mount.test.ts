import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { program, requireProgram, skipUnless } from '@holdfast/core/testing';
import { makeSpecialFile, setTimes, writeXattr } from '@holdfast/native';
import { type RunningCli, runProgram, startCli } from '../testing/run-cli.ts';
import { makeSampleFolder } from '../testing/sample-folder.ts';
import { fixturePassword, standAloneFixture } from '../testing/stand-alone-fixture.ts';

/** The real kernel, a real mount, the command as a person starts it. */

const noFuse = existsSync('/dev/fuse') ? false : 'needs /dev/fuse (the kernel module fuse)';
const skip = skipUnless({ platform: 'linux', root: true, programs: ['restic'] }) || noFuse;
const nobody = 65_534;
const limitMs = 120_000;
const describer = new URL('../testing/describe-folder.ts', import.meta.url).pathname;

function helperMissing(): string | false {
  if (!program('fusermount3') && !program('fusermount')) return 'needs fusermount3 (package fuse3)';
  const forAll = 0o006;
  return (statSync('/dev/fuse').mode & forAll) === forAll
    ? false
    : 'needs /dev/fuse that everybody may open (mode 666)';
}

describe('mount', { skip }, () => {
  const { folder, passwordFile, freshRepository, holdfast, restic, tryRestic } = standAloneFixture();
  const source = join(folder, 'source');
  const mountPoint = join(folder, 'mount point');
  let repository = '';

  before(async () => {
    repository = await freshRepository('repository');
    makeSampleFolder(source);
    mkdirSync(mountPoint);
    writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0x6e, 0xff, 0xfe])]), 'not UTF-8');
    makeSpecialFile(Buffer.from(join(source, 'fifo')), { type: 'fifo', permissions: 0o600 });
    makeSpecialFile(Buffer.from(join(source, 'device')), { type: 'character', permissions: 0o666, device: 0x103n });
    writeXattr(Buffer.from(join(source, 'empty')), Buffer.from('user.test'), Buffer.from([0, 1, 255]));
    chownSync(join(source, 'empty'), 1234, 5678);
    chmodSync(join(source, 'empty'), 0o4710);
    for (let at = 0; at < 500; at += 1) writeFileSync(join(source, 'deep', `file ${at}`), `content ${at}`);
    setTimes(Buffer.from(join(source, 'deep')), { accessedNs: 1n, modifiedNs: 981_173_106_123_456_789n });
    await restic(repository, 'backup', '--quiet', '--host', 'web1', '--tag', 'x,y', source);
  });

  const start = (at: string, ...args: string[]): RunningCli =>
    startCli(['mount', at, '--repo', repository, '--password-file', passwordFile, ...args]);

  /** A test that failed must not leave a mount behind, which the next one would trip over. */
  const leftOver = (t: TestContext, child: ChildProcess, at: string): void =>
    t.after(async () => {
      child.kill('SIGKILL');
      if (isMounted(at)) await runProgram('umount', ['--lazy', at]);
    });

  /** Waits until the command serves. */
  async function mounted(t: TestContext, running: RunningCli, at = mountPoint): Promise<RunningCli> {
    leftOver(t, running.child, at);
    const { promise, resolve } = Promise.withResolvers<void>();
    running.child.stdout?.on('data', (piece: Buffer) => {
      if (piece.toString().includes('Now serving')) resolve();
    });
    const early = running.ended.then(({ status, stderr }) => assert.fail(`ended with ${status}: ${stderr}`));
    await Promise.race([promise, early]);
    return running;
  }

  const isMounted = (at: string): boolean =>
    readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${at.replaceAll(' ', '\\040')} `);

  /** In another process: this one must not wait for what it may be serving. */
  async function describeIn(at: string): Promise<string[]> {
    const { status, stdout, stderr } = await runProgram(process.execPath, [describer, at]);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as string[];
  }

  test('shows what was backed up, under a lock, and ends with Ctrl-C while files are in use', async (t) => {
    const running = await mounted(t, start(mountPoint));
    const snapshot = join(mountPoint, 'snapshots', 'latest', source);
    const ours = await describeIn(snapshot);
    assert.ok(ours.length > 505);
    assert.deepEqual(ours, await describeIn(source));

    const prune = await tryRestic(repository, ['prune']);
    assert.equal(prune.status, 11, 'the repository is locked while it is mounted');
    const inUse = await open(join(snapshot, 'deep', 'random'));
    running.child.kill('SIGINT');
    const { status, stderr } = await running.ended;
    await assert.rejects(inUse.close(), { code: 'ENOTCONN' }, 'what was in use hears that it is over');
    assert.equal(status, 0, stderr);
    assert.equal(isMounted(mountPoint), false);
    assert.deepEqual(readdirSync(join(repository, 'locks')), []);
  });

  test('shows what restic shows', { skip: helperMissing() }, async (t) => {
    const running = await mounted(t, start(mountPoint));
    const theirPoint = join(folder, 'restic');
    mkdirSync(theirPoint);
    const theirs = spawn(requireProgram('restic').path, ['-r', repository, '--no-cache', 'mount', theirPoint], {
      env: { ...process.env, RESTIC_PASSWORD: fixturePassword },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    leftOver(t, theirs, theirPoint);
    const ended = new Promise<number | null>((resolve) => theirs.once('close', resolve));
    const serves = new Promise<void>((resolve) =>
      theirs.stdout?.on('data', (piece: Buffer) => piece.toString().includes('Now serving') && resolve()),
    );
    await Promise.race([serves, ended.then((status) => assert.fail(`restic ended with ${status}`))]);
    const listing = async (at: string): Promise<string> =>
      (await runProgram('find', ['.', '-maxdepth', '3', '-printf', '%P %y %m %l\n'], { cwd: at })).stdout
        .split('\n')
        .sort()
        .join('\n');
    assert.equal(await listing(mountPoint), await listing(theirPoint));
    // restic does not say which device it is.
    const withoutDevices = (lines: readonly string[]): string[] =>
      lines.map((line) => line.replace(/(\/device .*) \d+$/, '$1'));
    const byRestic = await describeIn(join(theirPoint, 'snapshots', 'latest', source));
    const ours = await describeIn(join(mountPoint, 'snapshots', 'latest', source));
    assert.deepEqual(withoutDevices(ours), withoutDevices(byRestic));
    theirs.kill('SIGINT');
    await ended;
    running.child.kill('SIGINT');
    await running.ended;
  });

  test('ends when it is unmounted from outside, and shows only what was chosen', async (t) => {
    const running = await mounted(t, start(mountPoint, '--host', 'other', '--path-template', 'all/%i'));
    const { stdout } = await runProgram('find', [mountPoint, '-mindepth', '1', '-printf', '%P\n']);
    assert.equal(stdout, 'all\n');
    assert.equal((await runProgram('umount', [mountPoint])).status, 0);
    const { status, stderr } = await running.ended;
    assert.equal(status, 0, stderr);
    assert.deepEqual(readdirSync(join(repository, 'locks')), []);
  });

  test('owner and permissions as asked', async (t) => {
    const running = await mounted(t, start(mountPoint, '--allow-other', '--owner-root'));
    const file = join(mountPoint, 'snapshots', 'latest', source, 'empty');
    assert.equal((await runProgram('stat', ['-c', '%u %g %a', file])).stdout, '0 0 4710\n');
    assert.notEqual((await runProgram('cat', [file], { user: nobody })).status, 0);
    assert.equal((await runProgram('ls', [mountPoint], { user: nobody })).status, 0);
    assert.notEqual((await runProgram('touch', [join(mountPoint, 'new')])).status, 0);
    running.child.kill('SIGINT');
    assert.equal((await running.ended).status, 0);
  });

  test('who is not root mounts with the helper of the system', {
    skip: noFuse || helperMissing(),
  }, async (t) => {
    const own = join(folder, 'of nobody');
    mkdirSync(own);
    chownSync(own, nobody, nobody);
    await runProgram('chown', ['-R', String(nobody), repository]);
    const args = ['mount', own, '--repo', repository, '--password-file', passwordFile, '--no-lock'];
    const running = await mounted(t, startCli(args, { user: nobody }), own);
    const file = join(own, 'snapshots', 'latest', source, 'deep', 'file 7');
    assert.equal((await runProgram('cat', [file], { user: nobody })).stdout, 'content 7');
    assert.notEqual((await runProgram('cat', [file])).status, 0, 'nobody else, not even root');
    running.child.kill('SIGINT');
    const { status, stderr } = await running.ended;
    assert.equal(status, 0, stderr);
    assert.equal(isMounted(own), false);
  });

  test('a mount point that cannot be one is refused before anything is opened', async () => {
    for (const [at, expected] of [
      [join(folder, 'nowhere'), /does not exist/],
      [passwordFile, /no folder/],
      [join(repository, 'data'), /inside one another/],
      [folder, /inside one another/],
    ] as const) {
      const { status, stderr } = await holdfast('mount', repository, at);
      assert.equal(status, 1, stderr);
      assert.match(stderr, expected);
    }
  });

  test('killed, it leaves a dead mount, which is named and can be unmounted', async (t) => {
    const running = await mounted(t, start(mountPoint, '--no-lock'));
    running.child.kill('SIGKILL');
    await running.ended;
    const { status, stderr } = await holdfast('mount', repository, mountPoint);
    assert.equal(status, 1);
    assert.match(stderr, /process has died[^]*umount/);
    for (const deadline = Date.now() + limitMs; isMounted(mountPoint) && Date.now() < deadline; await delay(100))
      await runProgram('umount', [mountPoint]);
    assert.equal(isMounted(mountPoint), false);
  });
});
