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
});
