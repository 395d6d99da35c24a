import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { compareFolders } from '../demonstration/comparison.ts';
import { jsonResult, runCli } from '../testing/run-cli.ts';
import { makeSampleFolder } from '../testing/sample-folder.ts';
import { standAloneFixture } from '../testing/stand-alone-fixture.ts';

const { folder, freshRepository, holdfast, passwordFile, restic } = standAloneFixture();
const source = makeSampleFolder(join(folder, 'source'));

interface Listed {
  readonly id: string;
  readonly tree: string;
  readonly hostname: string;
  readonly original?: string;
}

interface Report {
  readonly copied: readonly { readonly id: string; readonly sourceId: string }[];
  readonly skipped: readonly unknown[];
  readonly blobs: number;
}

const listed = async (repository: string): Promise<Listed[]> =>
  JSON.parse(await restic(repository, 'snapshots', '--json')) as Listed[];

test('from a repository that restic wrote into ours and back, with filters and ids', {
  skip: skipUnless({ programs: ['restic'] }),
}, async () => {
  const since = new Date();
  const theirs = join(folder, 'theirs');
  await restic(theirs, 'init');
  await restic(theirs, 'backup', source, '--host', 'a', '--tag', 'x');
  writeFileSync(join(source, 'more'), 'more');
  await restic(theirs, 'backup', source, '--host', 'b');
  const before = await listed(theirs);
  const ours = await freshRepository('ours');
  const from = ['--from-repo', theirs, '--from-password-file', passwordFile];

  const some = await holdfast('copy', ours, ...from, '--host', 'a', '--json');
  assert.equal(some.status, 0, some.stderr);
  assert.equal(jsonResult<Report>(some.stdout).copied.length, 1);
  const all = await holdfast('copy', ours, ...from);
  assert.equal(all.status, 0, all.stderr);
  assert.match(all.stdout, /snapshot [0-9a-f]{8} saved, copied from source snapshot [0-9a-f]{8}\n/);
  assert.match(all.stdout, /copied 1 snapshot, 1 snapshot there already/);
  const again = await holdfast('copy', ours, ...from, '--json');
  assert.deepEqual(
    { ...jsonResult<Report>(again.stdout), skipped: jsonResult<Report>(again.stdout).skipped.length },
    { kind: 'copy', copied: [], skipped: 2, blobs: 0, bytes: 0 },
  );
  const after = await listed(ours);
  assert.deepEqual(
    after.map(({ tree, hostname, original }) => ({ tree, hostname, original })),
    before.map(({ id, tree, hostname }) => ({ tree, hostname, original: id })),
  );
  assert.match(await restic(ours, 'check', '--read-data'), /no errors were found/);
  await restic(ours, 'restore', 'latest', '--target', join(folder, 'restored'));
  const compared = await compareFolders({
    source,
    restored: join(folder, 'restored', source),
    leftOut: new Set(),
    since,
  });
  assert.deepEqual(compared.differences, []);

  // One snapshot of ours into another one that restic made; the variables of restic are enough.
  const third = join(folder, 'third');
  await restic(third, 'init');
  const one = await runCli(['copy', after[0]?.id.slice(0, 12) ?? '', '--quiet'], {
    env: {
      RESTIC_REPOSITORY: third,
      RESTIC_PASSWORD_FILE: passwordFile,
      RESTIC_FROM_REPOSITORY: ours,
      RESTIC_FROM_PASSWORD_FILE: passwordFile,
    },
  });
  assert.equal(one.status, 0, one.stderr);
  assert.equal(one.stdout, '');
  assert.deepEqual(
    (await listed(third)).map(({ original }) => original),
    [before[0]?.id],
    'the first id is kept over several copies',
  );
  assert.match(await restic(third, 'check', '--read-data'), /no errors were found/);
  for (const repository of [theirs, ours, third]) assert.deepEqual(readdirSync(join(repository, 'locks')), []);
});

test('without a source, without its password or with a locked source nothing is done', async () => {
  const [target, from] = [await freshRepository('target'), await freshRepository('from')];
  const none = await holdfast('copy', target);
  assert.equal(none.status, 2);
  assert.match(none.stderr, /--from-repo/);
  const noPassword = await holdfast('copy', target, '--from-repo', from);
  assert.equal(noPassword.status, 2);
  assert.match(noPassword.stderr, /--from-password-file/);
  const empty = join(folder, 'nothing-here');
  mkdirSync(empty);
  assert.equal((await holdfast('copy', target, '--from-repo', empty, '--from-password-file', passwordFile)).status, 10);
  const wrong = join(folder, 'wrong-password');
  writeFileSync(wrong, 'wrong\n');
  assert.equal((await holdfast('copy', target, '--from-repo', from, '--from-password-file', wrong)).status, 12);
});
