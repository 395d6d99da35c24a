import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { jsonResult } from '../testing/run-cli.ts';
import { standAloneFixture } from '../testing/stand-alone-fixture.ts';

describe('recover', { skip: skipUnless({ programs: ['restic'], platform: 'linux' }) }, () => {
  const { folder, freshRepository, holdfast, restic } = standAloneFixture();

  test('brings back what lost snapshots had, of both programs, also from packs that no index names', async () => {
    const repository = await freshRepository('repository');
    for (const name of ['one', 'two']) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'file'), `content of ${name}`);
    }
    await restic(repository, 'backup', join(folder, 'one'));
    assert.equal((await holdfast('backup', repository, join(folder, 'two'))).status, 0);
    for (const kind of ['snapshots', 'index'])
      for (const name of readdirSync(join(repository, kind))) rmSync(join(repository, kind, name));
    const data = readdirSync(join(repository, 'data'), { recursive: true, encoding: 'utf8' });
    const packs = data.map((path) => basename(path)).filter((name) => /^[0-9a-f]{64}$/.test(name));
    const first = await holdfast('recover', repository, '--json');
    assert.equal(first.status, 0, first.stderr);
    const { roots, snapshotId, addedPacks } = jsonResult<{ roots: string[]; snapshotId: string; addedPacks: string[] }>(
      first.stdout,
    );
    assert.equal(roots.length, 2);
    assert.deepEqual(addedPacks.toSorted(), packs.toSorted());
    const listed = await restic(repository, 'ls', snapshotId, '--tag', 'recovered');
    for (const name of ['one', 'two']) {
      const path = listed.split('\n').find((line) => line.endsWith(`${folder}/${name}/file`));
      assert.ok(path, listed);
      assert.equal(await restic(repository, 'dump', snapshotId, path), `content of ${name}`);
    }
    await restic(repository, 'check', '--read-data');
    // restic finds nothing more either, and we say so as it does.
    assert.match(await restic(repository, 'recover'), /found 0 unreferenced roots\nno snapshot to write\.\n$/);
    const again = await holdfast('recover', repository);
    assert.deepEqual([again.status, again.stdout], [0, 'found 0 unreferenced roots\nno snapshot to write.\n']);
  });

  test('says which packs and index files are lost', async () => {
    const repository = await freshRepository('losses');
    const source = join(folder, 'losses source');
    mkdirSync(source);
    const stored = (type: string): string[] =>
      readdirSync(join(repository, type), { recursive: true, encoding: 'utf8', withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
    const backup = async (name: string): Promise<void> => {
      writeFileSync(join(source, name), `content of ${name}`);
      assert.equal((await holdfast('backup', repository, source)).status, 0);
    };
    await backup('one');
    const [index] = stored('index');
    const packs = stored('data');
    await backup('two');
    const pack = stored('data').find((path) => !packs.includes(path));
    assert.ok(index !== undefined && pack !== undefined);
    rmSync(pack);
    rmSync(index);
    writeFileSync(index, 'rubbish');
    const { status, stdout, stderr } = await holdfast('recover', repository, '--json');
    assert.equal(status, 3, stderr);
    const { missingPacks, unreadableIndexes } = jsonResult<{
      readonly missingPacks: readonly string[];
      readonly unreadableIndexes: readonly { readonly id: string }[];
    }>(stdout);
    assert.deepEqual(
      unreadableIndexes.map(({ id }) => id),
      [basename(index)],
    );
    assert.match(stderr, new RegExp(`removed index ${basename(index)}: `));
    assert.deepEqual(missingPacks, [basename(pack)]);
    assert.match(stderr, new RegExp(`pack ${basename(pack)} is missing: it is not listed any more`));
  });
});
