import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { programs, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { configName, contentOf, pagesOf, rejects } from '../conformance/content.ts';
import { openLocalDisk } from './open-local-disk.ts';

const skip = skipUnless({ programs: ['restic'] });
const types = ['key', 'snapshot', 'index', 'data'] as const;

function resticOf(t: TestContext, program: string) {
  const folder = temporaryFolder(t);
  const source = join(folder, 'source');
  mkdirSync(source);
  for (let index = 0; index < 40; index += 1)
    writeFileSync(join(source, `${index}`), contentOf(`${index}`, index * 5000));
  const run = (path: string, ...args: string[]): string => {
    const done = spawnSync(program, ['--repo', path, '--no-cache', ...args], {
      encoding: 'utf8',
      env: { ...process.env, RESTIC_PASSWORD: 'test' },
    });
    assert.equal(done.status, 0, `restic ${args[0]}: ${done.stderr}`);
    return done.stdout + done.stderr;
  };
  return { folder, source, run };
}

for (const { path: program, version } of programs('restic')) {
  test(`restic ${version} and the local disk share one repository`, { skip }, async (t) => {
    const { folder, source, run } = resticOf(t, program);
    const path = join(folder, 'by restic');
    run(path, 'init');
    run(path, 'backup', source);
    const target = await openLocalDisk({ path });
    for (const type of types) {
      const listed = run(
        path,
        'list',
        type === 'key' ? 'keys' : type === 'snapshot' ? 'snapshots' : type === 'index' ? 'index' : 'packs',
      );
      const ids = listed.split('\n').filter((line) => /^[0-9a-f]{64}$/.test(line));
      assert.deepEqual(
        (await pagesOf(target, type)).flat().map(({ id }) => id),
        ids.sort(),
      );
      assert.ok(ids.length > 0);
    }

    // Protecting everything, and what a crash leaves, is none of restic's business.
    const until = new Date(Date.now() + 3_600_000);
    for (const type of types)
      for (const { id } of (await pagesOf(target, type)).flat()) await target.retention.extend({ type, id }, until);
    writeFileSync(join(path, 'holdfast', 'tmp', 'left by a crash'), 'x');
    assert.ok(existsSync(join(path, 'holdfast', 'retention', 'snapshots')));
    const said = run(path, 'check', '--read-data');
    assert.match(said, /no errors were found/);
    assert.doesNotMatch(said, /holdfast|unexpected|warning/i);

    // The same objects, stored by the local disk, are a repository to restic.
    const copyPath = join(folder, 'by holdfast');
    const copy = await openLocalDisk({ path: copyPath, create: true });
    for (const type of types)
      for (const { id } of (await pagesOf(target, type)).flat())
        assert.equal(
          await copy.create({ type, id }, [await target.read({ type, id })], { retainUntil: until }),
          'created',
        );
    await copy.create(configName, [await target.read(configName)]);
    assert.match(run(copyPath, 'check', '--read-data'), /no errors were found/);
    writeFileSync(join(source, 'new'), contentOf('new', 100_000));
    run(copyPath, 'backup', source);
    run(copyPath, 'restore', 'latest', '--target', join(folder, 'restored'));
    assert.equal(readdirSync(join(folder, 'restored', source)).length, 41);
    for (const { id } of (await pagesOf(target, 'data')).flat())
      await rejects(copy.delete({ type: 'data', id }), 'storage.immutable');
  });
}
