import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import type { ConfigurationBackup, RestClient } from '@holdfast/protocol';
import { newKitSecret, wordsOf } from '@holdfast/protocol/recovery-kit';
import { type CliResult, jsonResult, runCli, runProgram } from '../testing/run-cli.ts';
import { type RunningSystem, startSystem } from '../testing/running-system.ts';

/**
 * What `docs/recovery.md` promises, with its commands as they stand there, on real systems: an empty computer, the storage and the kit,
 * and nothing else.
 */

const page = readFileSync(join(import.meta.dirname, '../../../../docs/recovery.md'), 'utf8');

/** The words of the command of the page that begins so, with our names in the place of the page's. */
function documented(beginning: string, names: Readonly<Record<string, string>> = {}): string[] {
  const line = page.split('\n').find((one) => one.startsWith(beginning)) ?? assert.fail(`the page has no ${beginning}`);
  const words = (line.split(/\s+#/)[0] ?? '').trim().split(/\s+/);
  const ours = (word: string): string => {
    const [from, to] = Object.entries(names).find(([name]) => word === name || word.startsWith(`${name}/`)) ?? [];
    return from === undefined || to === undefined ? word : `${to}${word.slice(from.length)}`;
  };
  return words.map(ours);
}

const firstPort = 25_000 + (process.pid % 1500) * 5;

describe('recovery', { skip: skipUnless({ platform: 'linux', programs: ['restic'] }) }, () => {
  const folder = temporaryFolder({ after });
  const source = join(folder, 'source');
  const wordsFile = join(folder, 'words');
  const content = Buffer.from('what must not be lost\n'.repeat(5_000));
  let system: RunningSystem;
  let location: string;

  const holdfast = (...args: string[]): Promise<CliResult> => runCli(args, { env: { HOLDFAST_DATA: system.data } });
  async function ok(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await holdfast(...args);
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  }
  /** Runs a command of the page. */
  const asDocumented = (
    beginning: string,
    names: Readonly<Record<string, string>>,
    ...more: string[]
  ): Promise<string> => ok(...documented(`holdfast ${beginning}`, names).slice(1), ...more);
  async function idOf(client: RestClient, role: string): Promise<string> {
    const { computers } = await client.call('computers', { query: {} });
    return computers.find((computer) => computer.role === role && computer.state === 'online')?.id ?? assert.fail(role);
  }
  /** Waits for a state that the server comes to by itself. */
  async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 3_000; tries += 1) {
      if (await isSo()) return;
      await delay(100);
    }
    assert.fail(`waited in vain: ${what}`);
  }
  const sealed = async (): Promise<boolean> => {
    const { repositories } = await system.client.call('recoveryKit', {});
    return repositories.total === 1 && repositories.sealed === 1;
  };
  const wordsIn = (document: string): string => {
    const [, block = ''] = /## The words\n\n([\s\S]*?)\n\n/.exec(document) ?? [];
    return block.replaceAll(/[^a-z]+/g, ' ').trim();
  };

  /** Restores the newest backup, by a run of the server. */
  async function restoredFile(target: string): Promise<Buffer> {
    const { client } = system;
    const { snapshots } = await client.call('snapshots', { query: {} });
    const [newest = assert.fail('no backup is listed')] = snapshots;
    const agentId = await idOf(client, 'agent');
    assert.equal(newest.agentId, agentId, 'the backup is that of the computer that has its name');
    const { id } = await client.call('createRestore', {
      body: { repositoryId: newest.repositoryId, snapshotId: newest.id, agentId, target },
    });
    await until('the restore has ended', async () => {
      const run = await client.call('run', { params: { id } });
      if (run.endedAt !== undefined) assert.ok(run.result, JSON.stringify(run.error));
      return run.endedAt !== undefined;
    });
    return readFileSync(join(target, source, 'file'));
  }
  /** All that is left of the last computer is its storage, which is now on an empty one. */
  async function emptyComputer(name: string): Promise<string> {
    const { data } = system;
    await system[Symbol.asyncDispose]();
    const next = join(folder, name, 'data');
    mkdirSync(next, { recursive: true });
    renameSync(join(data, 'repositories'), join(next, 'repositories'));
    rmSync(data, { recursive: true });
    return next;
  }

  before(async () => {
    for (const made of [source, join(folder, 'a')]) mkdirSync(made);
    writeFileSync(join(source, 'file'), content);
    system = await startSystem(join(folder, 'a'), firstPort);
    const { client } = system;
    const moverId = await idOf(client, 'mover');
    const agentId = await idOf(client, 'agent');
    const repository = await client.call('createRepository', { body: { name: 'kept', moverId } });
    location = repository.location;
    const job = await client.call('createJob', {
      body: {
        name: 'files',
        computers: [agentId],
        target: { kind: 'shared', repositoryId: repository.id },
        scope: { kind: 'folders', paths: [source] },
      },
    });
    await ok('job', 'run', job.name);
  });
  after(() => system[Symbol.asyncDispose]());

  test('a kit is made, shown to be on paper, and opens the repository for any restic', async () => {
    assert.match(await ok('status'), /no recovery kit/);
    const file = join(folder, 'kit.md');
    await asDocumented('recovery-kit create', { 'kit.md': file });
    const document = readFileSync(file, 'utf8');
    const words = wordsIn(document);
    assert.equal(words.split(' ').length, 15, document);
    assert.doesNotMatch(document, /Server: `(0\.0\.0\.0|127\.|localhost|::)/);
    writeFileSync(wordsFile, words);
    assert.match(await ok('status'), /recovery-kit verify/);

    const slip = join(folder, 'slip');
    writeFileSync(slip, words.replace(/^\w+/, 'holdfast'));
    const wrong = await holdfast('recovery-kit', 'verify', '--words-file', slip);
    assert.match(wrong.stderr, /Word 1 /);
    await asDocumented('recovery-kit verify', {}, '--words-file', wordsFile);
    assert.doesNotMatch(await ok('status'), /recovery kit/);
    await until('the repository has its key', sealed);
    assert.match(await asDocumented('recovery-kit status', {}), /1 of 1 repository/);

    const restored = join(folder, 'by-restic');
    const names = {
      '/srv/holdfast/local/NAME': location,
      'kit-password': join(folder, 'password'),
      '/tmp/restored': restored,
    };
    await asDocumented('recovery-kit password --repo', names, '--words-file', wordsFile);
    const [program = '', ...args] = documented('restic -r', names);
    const restic = await runProgram(program, [...args, '--no-cache']);
    assert.equal(restic.status, 0, restic.stderr);
    assert.ok(readFileSync(join(restored, source, 'file')).equals(content));
  });

  test('another kit takes the place of the first one, whose words then open nothing', async () => {
    const again = await holdfast('recovery-kit', 'create');
    assert.match(again.stderr, /There is a recovery kit already/);
    const made = jsonResult<{ document: string }>(await ok('recovery-kit', 'create', '--replace', '--json'));
    await until('the repository has its new key', sealed);
    const old = await holdfast('recovery-kit', 'password', '--repo', location, '--words-file', wordsFile);
    assert.match(old.stderr, /kit\.other/);
    assert.match((await holdfast('recovery-kit', 'verify', '--words-file', wordsFile)).stderr, /was replaced/);
    writeFileSync(wordsFile, wordsIn(made.document));
    await ok('recovery-kit', 'verify', '--words-file', wordsFile);
    await ok('recovery-kit', 'password', '--repo', location, '--words-file', wordsFile);
  });

  test('of a lost server the kit and the storage are enough: who had joined it is there, and backs up', async () => {
    const made = jsonResult<ConfigurationBackup>(await ok('config', 'backup', '--json'));
    assert.deepEqual(
      made.places.map(({ kind, location: where }) => [kind, where !== undefined]),
      [
        ['folder', true],
        ['mover', true],
      ],
    );
    assert.match(await ok('config', 'list'), /holdfast-configuration/);
    const before = (await system.client.call('status', {})).caFingerprint;
    const { data } = system;
    await system[Symbol.asyncDispose]();
    rmSync(join(data, 'server'), { recursive: true });
    const names = { '/srv/holdfast': join(data, 'repositories'), '/var/lib/holdfast/server': join(data, 'server') };
    const restored = await asDocumented('config restore /srv', names, '--words-file', wordsFile);
    const [, ...server] = documented('holdfast server', names);
    assert.ok(restored.includes(`holdfast ${server.join(' ')}\n`), restored);
    const twice = await holdfast(
      ...documented('holdfast config restore /srv', names).slice(1),
      '--words-file',
      wordsFile,
    );
    assert.match(twice.stderr, /nothing was changed/);

    system = await startSystem(join(folder, 'a'), firstPort);
    assert.equal((await system.client.call('status', {})).caFingerprint, before);
    assert.equal((await system.client.call('computers', { query: {} })).computers.length, 2, 'nobody joined anew');
    assert.equal((await system.client.call('snapshots', { query: {} })).snapshots.length, 1);
    await ok('job', 'run', 'files');
    assert.equal((await system.client.call('snapshots', { query: {} })).snapshots.length, 2);
    await ok('recovery-kit', 'verify', '--words-file', wordsFile);
  });

  test('on an empty computer, with the storage and the kit and nothing else: catalogue and backups are there', async () => {
    const data = await emptyComputer('b');
    await asDocumented('config restore DATA', { DATA: data }, '--words-file', wordsFile);
    system = await startSystem(join(folder, 'b'), firstPort);
    const { client } = system;
    assert.equal((await client.call('jobs', { query: {} })).jobs.length, 1);
    // Mover and agent of the lost computer are gone for good; those of this one have joined anew.
    const { computers } = await client.call('computers', { query: {} });
    for (const { id, state } of computers)
      if (state !== 'online') await client.call('revokeComputer', { params: { id } });
    const mover = computers.find(({ role, state }) => role === 'mover' && state === 'online') ?? assert.fail();
    assert.match(await asDocumented('import', { MOVER: mover.id }), /the repository was known/);
    const agent = computers.find(({ role, state }) => role === 'agent' && state === 'online') ?? assert.fail();
    const target = join(folder, 'restored-b');
    const { snapshots } = await client.call('snapshots', { query: {} });
    assert.deepEqual([...new Set(snapshots.map(({ agentId }) => agentId))], [agent.id]);
    assert.ok((await restoredFile(target)).equals(content));
  });

  test('without a configuration backup the catalogue comes from the repositories alone', async () => {
    const data = await emptyComputer('c');
    rmSync(join(data, 'repositories', '_configuration'), { recursive: true });
    system = await startSystem(join(folder, 'c'), firstPort);
    const moverId = await idOf(system.client, 'mover');
    const other = join(folder, 'other-words');
    writeFileSync(other, wordsOf(newKitSecret()));
    const wrong = await holdfast('import', moverId, '--words-file', other);
    assert.match(wrong.stderr, /kit\.other/);
    assert.equal((await system.client.call('repositories', { query: {} })).repositories.length, 0);
    assert.match(
      await asDocumented('import', { MOVER: moverId }, '--words-file', wordsFile),
      /kept: 2 backups entered/,
    );
    assert.ok((await restoredFile(join(folder, 'restored-c'))).equals(content));
  });
});
