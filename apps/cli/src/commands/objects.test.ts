import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { openRepository } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { fixturePassword, standAloneFixture } from '../testing/stand-alone-fixture.ts';

const { folder, freshRepository, holdfast, restic, tryRestic } = standAloneFixture();

describe('init, list and cat print what restic prints', { skip: skipUnless({ programs: ['restic'] }) }, () => {
  let repository = '';
  const source = join(folder, 'source');
  const ids = new Map<string, string[]>();

  before(async () => {
    repository = await freshRepository('repository');
    mkdirSync(join(source, 'a', 'b'), { recursive: true });
    writeFileSync(join(source, 'a', 'b', 'file'), 'content that is there once');
    await restic(repository, 'backup', '--quiet', source);
    appendFileSync(join(source, 'a', 'b', 'file'), ' and more');
    const ours = await holdfast('backup', repository, source, '--quiet');
    assert.equal(ours.status, 0, ours.stderr);
    for (const kind of ['blobs', 'packs', 'index', 'snapshots', 'keys'])
      ids.set(kind, (await restic(repository, 'list', kind)).trim().split('\n').sort());
  });

  test('list', async () => {
    for (const [kind, expected] of ids) {
      const { status, stdout, stderr } = await holdfast('list', repository, kind);
      assert.equal(status, 0, stderr);
      assert.deepEqual(stdout.trim().split('\n').sort(), expected, kind);
    }
    assert.equal((await holdfast('list', repository, 'locks', '--no-lock')).stdout, '', 'none is taken');
    {
      await using target = await openLocalDisk({ path: repository });
      const opened = await openRepository(target, { password: fixturePassword });
      await using _lock = await opened.lock({ exclusive: true });
      assert.equal(
        (await holdfast('list', repository, 'locks')).stdout,
        await restic(repository, 'list', 'locks', '--no-lock'),
      );
      assert.equal((await holdfast('list', repository, 'packs')).status, 11);
      assert.equal((await holdfast('list', repository, 'packs', '--no-lock')).status, 0);
    }
    assert.equal((await holdfast('list', repository, 'files')).status, 2);
    const cacheOptions = ['--no-cache', '--cleanup-cache', '--cache-dir', '/nowhere'];
    assert.equal((await holdfast('list', repository, 'keys', ...cacheOptions)).status, 0, 'as there is no cache');
  });

  test('cat', async () => {
    const [snapshot = ''] = ids.get('snapshots') ?? [];
    const whats = [
      ['config'],
      ['masterkey'],
      ['tree', snapshot],
      ['tree', `${snapshot}:${source}/a`],
      ['snapshot', snapshot.slice(0, 8)],
    ];
    for (const [kind, type] of [
      ['snapshots', 'snapshot'],
      ['index', 'index'],
      ['keys', 'key'],
      ['packs', 'pack'],
    ] as const)
      for (const id of (ids.get(kind) ?? []).slice(0, 2)) whats.push([type, id]);
    for (const type of ['data', 'tree'])
      whats.push([
        'blob',
        ids
          .get('blobs')
          ?.find((line) => line.startsWith(type))
          ?.split(' ')[1] ?? '',
      ]);
    assert.ok(whats.length >= 13);
    for (const what of whats) {
      const ours = await holdfast('cat', repository, ...what, '--no-lock');
      assert.equal(ours.status, 0, `${what.join(' ')}: ${ours.stderr}`);
      assert.equal(ours.stdout, await restic(repository, 'cat', ...what, '--no-lock'), what.join(' '));
    }
    const latest = await holdfast('cat', repository, 'snapshot', 'latest');
    assert.match(latest.stdout, /"program_version": "holdfast/);
    const [pack = '', index = ''] = [ids.get('packs')?.[0], ids.get('index')?.[0]];
    const short = await holdfast('cat', repository, 'index', index.slice(0, 10));
    assert.equal(short.stdout, await restic(repository, 'cat', 'index', index));

    for (const [status, ...what] of [
      [2, 'nothing', 'x'],
      [2, 'snapshot'],
      [2, 'config', 'x'],
      [2, 'blob', 'abc'],
      [1, 'blob', '0'.repeat(64)],
      [1, 'key', '0'.repeat(64)],
      [1, 'pack', '0'.repeat(64)],
      [1, 'tree', `${snapshot}:/not/there`],
      [1, 'snapshot', 'zzz'],
    ] as const) {
      const { status: given, stdout } = await holdfast('cat', repository, ...what.map(String));
      // A snapshot's id that cannot be one is a wrong command line.
      assert.equal(given, what[1] === 'zzz' ? 2 : status, what.join(' '));
      assert.equal(stdout, '');
    }

    const notJson = 'not JSON';
    const key = createHash('sha256').update(notJson).digest('hex');
    writeFileSync(join(repository, 'keys', key), notJson);
    const wrong = await holdfast('cat', repository, 'key', key, '--key-hint', ids.get('keys')?.[0] ?? '');
    assert.match(wrong.stderr, /is not JSON[^]*repository\.damaged/);
    rmSync(join(repository, 'keys', key));

    const path = join(repository, 'data', pack.slice(0, 2), pack);
    chmodSync(path, 0o600);
    appendFileSync(path, 'x');
    const damaged = await holdfast('cat', repository, 'pack', pack);
    assert.equal(damaged.status, 3);
    assert.match(damaged.stderr, /damaged or changed/);
    assert.ok(damaged.stdout.endsWith('x'), 'it is printed all the same');
  });

  test('init', async () => {
    const env = { RESTIC_PASSWORD: fixturePassword };
    const shape = (text: string): string =>
      text.replaceAll(/[0-9a-f]{64}|[0-9a-f]{10}(?= at)/g, 'ID').replaceAll(/(ours|theirs)/g, 'x');
    for (const [at, options] of [[], ['--json', '--repository-version', 'latest']].entries()) {
      const [ours, theirs] = ['ours', 'theirs'].map((name) => join(folder, `init-${name}-${at}`));
      assert.ok(ours && theirs);
      const result = await holdfast('init', ours, ...options);
      const theirResult = await tryRestic(theirs, ['init', ...options], env);
      assert.equal(result.status, 0, result.stderr);
      assert.equal(shape(result.stdout), shape(theirResult.stdout), options.join(' '));
      assert.match(await restic(ours, 'check'), /no errors were found/);
    }
    const again = await holdfast('init', join(folder, 'init-ours-0'), '--json');
    assert.equal(again.status, 1);
    assert.equal((await holdfast('init', join(folder, 'x'), '--repository-version', '1')).status, 2);
    assert.equal((await holdfast('cat', join(folder, 'nothing here'), 'config')).status, 10);
  });
});
