import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { openRepository } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { jsonResult, runCli } from '../testing/run-cli.ts';
import { fixturePassword, standAloneFixture } from '../testing/stand-alone-fixture.ts';

const { folder, freshRepository, holdfast, passwordFile, restic } = standAloneFixture();
const source = join(folder, 'source');
mkdirSync(join(source, 'kept'), { recursive: true });
mkdirSync(join(source, 'Secret'));
writeFileSync(join(source, 'kept', 'a'), 'a');
writeFileSync(join(source, 'Secret', 'KEY.pem'), 'b');
writeFileSync(join(source, 'notes.TXT'), 'c');

interface Listed {
  readonly id: string;
  readonly time: string;
  readonly tree: string;
  readonly hostname: string;
  readonly tags?: string[];
  readonly original?: string;
}

const listed = async (repository: string): Promise<Listed[]> =>
  JSON.parse(await restic(repository, 'snapshots', '--json')) as Listed[];
/** All but the ids, which depend on a random nonce. */
const facts = (snapshots: readonly Listed[]) =>
  snapshots.map(({ id: _id, ...rest }) => JSON.stringify({ ...rest, short_id: undefined })).sort();

test('every option gives what restic gives with it', { skip: skipUnless({ programs: ['restic'] }) }, async () => {
  const ours = await freshRepository('ours');
  await restic(ours, 'backup', source, '--host', 'a');
  await restic(ours, 'backup', source, '--host', 'b', '--tag', 'x');
  const theirs = join(folder, 'theirs');
  cpSync(ours, theirs, { recursive: true });
  const patterns = join(folder, 'patterns');
  writeFileSync(patterns, '# comment\n\nsecret\n');
  const steps: readonly string[][] = [
    ['--exclude', 'notes.TXT', '--host', 'a'],
    ['--iexclude', 'NOTES.txt', '--host', 'b', '--forget'],
    ['--iexclude-file', patterns, '--forget'],
    ['--exclude-file', patterns],
    ['--new-host', 'elsewhere', '--tag', 'x'],
    ['--new-time', '2021-02-03 04:05:06', '--host', 'elsewhere', '--forget'],
  ];
  for (const step of steps) {
    await restic(theirs, 'rewrite', ...step);
    const dry = await holdfast('rewrite', ours, ...step, '--dry-run', '--json');
    const result = await holdfast('rewrite', ours, ...step, '--json');
    assert.equal(result.status, 0, `${step.join(' ')}: ${result.stderr}`);
    const [told, done] = [dry, result].map(({ stdout }) =>
      jsonResult<{ rewritten: { oldId: string }[] }>(stdout).rewritten.map(({ oldId }) => oldId),
    );
    assert.deepEqual(told, done, 'a dry run tells the same');
    // Originals are ids, which differ: that there is one, and whose, was compared at the first step.
    const [mine, other] = [await listed(ours), await listed(theirs)];
    const comparable = (snapshots: readonly Listed[]) =>
      facts(snapshots.map((one) => ({ ...one, ...(one.original ? { original: 'some' } : {}) })));
    assert.deepEqual(comparable(mine), comparable(other), step.join(' '));
  }
  assert.match(await restic(ours, 'check', '--read-data'), /no errors were found/);
  await restic(ours, 'prune');
  assert.match(await restic(ours, 'check', '--read-data'), /no errors were found/);
  assert.doesNotMatch(await restic(ours, 'ls', 'latest'), /KEY/);
  assert.deepEqual(readdirSync(join(ours, 'locks')), []);
});

test('--include keeps what restic keeps with it', { skip: skipUnless({ programs: ['restic'] }) }, async () => {
  const tree = join(folder, 'tree');
  for (const path of ['a/b/c', 'd/e', 'empty', 'x/empty inside']) mkdirSync(join(tree, path), { recursive: true });
  for (const path of ['a/b/c/f.txt', 'a/g.TXT', 'd/e/h.bin', 'd/keep.txt', 'x/y'])
    writeFileSync(join(tree, path), path);
  symlinkSync('nowhere', join(tree, 'x', 'link.txt'));
  const patterns = join(folder, 'kept');
  writeFileSync(patterns, '# comment\n\n*.TXT\n');
  const original = await freshRepository('include');
  await restic(original, 'backup', tree, '--host', 'a');
  const [{ id }] = (await listed(original)) as [Listed];
  const both = async (name: string): Promise<readonly [string, string]> => {
    const copies = [join(folder, `${name}-ours`), join(folder, `${name}-theirs`)] as const;
    for (const copy of copies) cpSync(original, copy, { recursive: true });
    return copies;
  };
  const rewrite = async ([ours, theirs]: readonly [string, string], step: readonly string[]): Promise<void> => {
    const [result] = await Promise.all([
      holdfast('rewrite', ours, ...step, id, '--json'),
      restic(theirs, 'rewrite', ...step, id),
    ]);
    assert.equal(result.status, 0, `${step.join(' ')}: ${result.stderr}`);
  };
  const compare = async ([ours, theirs]: readonly [string, string]): Promise<void> => {
    const [mine, other] = await Promise.all([listed(ours), listed(theirs)]);
    assert.deepEqual(facts(mine), facts(other));
  };
  // Each makes another snapshot of the same one.
  const places = await both('include');
  for (const step of [
    ['-i', '*.txt'],
    ['--include-file', patterns],
    ['--iinclude-file', patterns],
    ['-i', 'a'],
    ['-i', 'a', '--iinclude', '*.BIN'],
    ['-i', 'empty'],
    ['-i', 'x/empty inside'],
    ['-i', `${tree}/x`],
    ['-i', '**/c'],
    ['-i', '*', '-i', '!d'],
    ['-i', '!d', '-i', '*'],
    ['-i', 'd', '--new-host', 'elsewhere'],
    // Nothing changes, or nothing is left.
    ['-i', '/'],
    ['-i', 'nothing'],
  ])
    await rewrite(places, step);
  await compare(places);
  for (const [at, step] of [
    ['--iinclude', '*.txt', '--forget'],
    ['-i', 'nothing', '--new-host', 'elsewhere', '-s', '--forget'],
  ].entries()) {
    const own = await both(`include-forget-${at}`);
    await rewrite(own, step);
    await compare(own);
  }
  assert.match(await restic(places[0], 'check', '--read-data'), /no errors were found/);
  assert.equal((await holdfast('rewrite', original, '-i', 'a', '--iexclude', 'b')).status, 2);
});

test('with --forget beside somebody else: the new snapshots are stored, and the next run only removes', {
  skip: skipUnless({ programs: ['restic'] }),
}, async () => {
  const path = await freshRepository('locked');
  await restic(path, 'backup', source);
  const [before] = await listed(path);
  {
    await using target = await openLocalDisk({ path });
    const repository = await openRepository(target, { password: fixturePassword });
    await using _backup = await repository.lock({ exclusive: false });
    const refused = await holdfast('rewrite', path, '--exclude', 'Secret', '--forget');
    assert.equal(refused.status, 11, refused.stderr);
    assert.match(refused.stderr, /again does the rest/);
  }
  assert.equal((await listed(path)).length, 2);
  const rest = await holdfast('rewrite', path, '--exclude', 'Secret', '--forget');
  assert.equal(rest.status, 0, rest.stderr);
  assert.match(rest.stdout, /modified 1 snapshots\n/);
  const after = await listed(path);
  assert.deepEqual(
    after.map(({ original }) => original),
    [before?.id],
  );
});

test('nothing to do is status 2, a wrong time as well', async () => {
  const repository = await freshRepository('wrong');
  assert.equal((await holdfast('rewrite', repository)).status, 2);
  assert.equal((await holdfast('rewrite', repository, '--new-time', 'yesterday')).status, 2);
  const empty = await runCli(['rewrite', '-r', repository, '-p', passwordFile, '--exclude', 'x']);
  assert.equal(empty.status, 0);
  assert.match(empty.stdout, /no snapshots were modified/);
});
