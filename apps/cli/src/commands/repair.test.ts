import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { requireProgram, skipUnless } from '@holdfast/core/testing';
import { jsonResult, runCli, runProgram } from '../testing/run-cli.ts';
import { fixturePassword, standAloneFixture } from '../testing/stand-alone-fixture.ts';

const { folder, freshRepository, holdfast, passwordFile, restic, tryRestic } = standAloneFixture();
const skip = skipUnless({ programs: ['restic'] });

const source = join(folder, 'source');
mkdirSync(join(source, 'below'), { recursive: true });
const random = randomBytes(3_000_000);
writeFileSync(join(source, 'random'), random);
writeFileSync(join(source, 'text'), 'some text\n'.repeat(5000));
writeFileSync(join(source, 'below', 'small'), 'small');

interface Checked {
  readonly num_errors: number;
  readonly broken_packs: readonly string[] | null;
  readonly suggest_repair_index: boolean;
  readonly suggest_prune: boolean;
}

async function check(repository: string, ...options: string[]): Promise<Checked> {
  const { status, stdout, stderr } = await holdfast('check', repository, '--json', ...options);
  const result = jsonResult<Checked>(stdout);
  assert.equal(status, result.num_errors === 0 ? 0 : 1, stderr);
  return result;
}

/** Paths of packs, the largest first. */
function packsOf(repository: string): string[] {
  const packs = readdirSync(join(repository, 'data'), { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return packs.sort((a, b) => readFileSync(b).byteLength - readFileSync(a).byteLength);
}

function damage(path: string, at: number): void {
  const bytes = readFileSync(path);
  const index = at < 0 ? bytes.byteLength + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 0x10;
  chmodSync(path, 0o600);
  writeFileSync(path, bytes);
}

/** A repository with one backup of `source`, made by one of the two programs. */
async function madeBy(program: 'holdfast' | 'restic', name: string): Promise<string> {
  const repository = await freshRepository(`${name}-${program}`);
  if (program === 'restic') await restic(repository, 'backup', source);
  else assert.equal((await holdfast('backup', repository, source)).status, 0);
  return repository;
}

for (const program of ['holdfast', 'restic'] as const) {
  describe(`a repository of ${program}`, { skip }, () => {
    test('a damaged pack: named by check, its whole blobs saved, snapshots made usable, and restic finds no error', async () => {
      const repository = await madeBy(program, 'pack');
      const [pack = ''] = packsOf(repository);
      damage(pack, 1000);
      const id = pack.slice(-64);
      const structure = await check(repository);
      assert.equal(structure.num_errors, 0, 'nothing is seen without reading');
      const found = await check(repository, '--read-data');
      assert.deepEqual(found.broken_packs, [id]);
      const theirs = await tryRestic(repository, ['check', '--read-data', '--json']);
      assert.deepEqual(jsonResult<Checked>(theirs.stdout).broken_packs, [id], 'as restic');
      assert.deepEqual((await check(repository, '--read-data=blobs')).broken_packs, [id]);

      const copies = join(folder, `copies-${program}`);
      const packs = await holdfast('repair packs', repository, id.slice(0, 12), '--copies', copies, '--json');
      assert.equal(packs.status, 3, packs.stderr);
      const saved = jsonResult<{ savedBlobs: number; lostCount: number; removedPacks: string[] }>(packs.stdout);
      assert.ok(saved.savedBlobs >= 1 && saved.lostCount >= 1);
      assert.deepEqual(saved.removedPacks, [id]);
      assert.ok(existsSync(join(copies, `pack-${id}`)) && !existsSync(pack));

      const dry = await holdfast('repair snapshots', repository, '--dry-run');
      assert.equal(dry.status, 0, dry.stderr);
      assert.match(dry.stdout, /file .*\/source\/random: .* lost/);
      assert.doesNotMatch(dry.stdout, /source\/text/);
      const snapshots = await holdfast('repair snapshots', repository, '--forget', '--json');
      assert.equal(snapshots.status, 0, snapshots.stderr);
      const repaired = jsonResult<{
        repaired: number;
        snapshots: { newId: string; losses: { path: string; lostBytes: number; remainingBytes: number }[] }[];
      }>(snapshots.stdout);
      const [loss] = repaired.snapshots[0]?.losses ?? [];
      assert.match(loss?.path ?? '', /\/source\/random$/);
      assert.equal((loss?.lostBytes ?? 0) + (loss?.remainingBytes ?? 0), random.byteLength);
      await restic(repository, 'check', '--read-data');
      const [snapshot] = jsonResult<{ id: string; tags?: string[] }[]>(await restic(repository, 'snapshots', '--json'));
      assert.deepEqual(snapshot?.tags, ['repaired']);
      assert.equal(snapshot?.id, repaired.snapshots[0]?.newId);
      const restored = join(folder, `restored-${program}`);
      await restic(repository, 'restore', 'latest', '--target', restored);
      assert.equal(readFileSync(join(restored, source, 'below', 'small'), 'utf8'), 'small');
      assert.equal((await check(repository, '--read-data')).num_errors, 0);
    });

    test('a lost and a damaged index, and a lost pack that a new backup heals', async () => {
      const repository = await madeBy(program, 'index');
      const [index = ''] = readdirSync(join(repository, 'index'));
      damage(join(repository, 'index', index), 40);
      assert.equal((await check(repository)).suggest_repair_index, true);
      const repaired = await holdfast('repair index', repository);
      assert.equal(repaired.status, 0, repaired.stderr);
      assert.match(repaired.stdout, /removed index/);
      await restic(repository, 'check', '--read-data');
      for (const name of readdirSync(join(repository, 'index'))) rmSync(join(repository, 'index', name));
      assert.equal((await holdfast('repair index', repository, '--read-all-packs')).status, 0);
      await restic(repository, 'check', '--read-data');

      const [pack = ''] = packsOf(repository);
      rmSync(pack);
      const refused = await holdfast('repair snapshots', repository, '--forget');
      assert.equal(refused.status, 1, 'while the index names what is gone nothing is judged by it');
      assert.match(refused.stderr, /repair index/);
      const missing = await holdfast('repair index', repository, '--json');
      assert.deepEqual(jsonResult<{ missingPacks: string[] }>(missing.stdout).missingPacks, [pack.slice(-64)]);
      assert.equal((await tryRestic(repository, ['check'])).status, 1, 'files are missing');
      // Each program cuts files in its own way, so each heals its own.
      if (program === 'restic') await restic(repository, 'backup', '--force', source);
      else assert.equal((await holdfast('backup', repository, '--force', source)).status, 0);
      await restic(repository, 'check', '--read-data');
      const healed = await holdfast('repair snapshots', repository);
      assert.match(healed.stdout, /^2 snapshots sound, 0 repaired, 0 lost/);
    });
  });
}

test('what restic repaired is sound, and a subset of the data is read', { skip }, async () => {
  const repository = await madeBy('holdfast', 'theirs');
  const [pack = ''] = packsOf(repository);
  damage(pack, -10);
  assert.equal((await check(repository, '--read-data-subset=100%')).num_errors > 0, true);
  const parts = await Promise.all([1, 2].map((part) => check(repository, `--read-data-subset=${part}/2`)));
  assert.deepEqual(
    parts.map(({ broken_packs: broken }) => broken).filter((broken) => broken !== null),
    [[pack.slice(-64)]],
  );
  // It keeps a copy of the pack in the folder that it is run in.
  await runProgram(requireProgram('restic').path, ['-r', repository, 'repair', 'packs', pack.slice(-64)], {
    cwd: folder,
    env: { RESTIC_PASSWORD: fixturePassword, RESTIC_CACHE_DIR: join(folder, 'cache') },
  });
  await tryRestic(repository, ['repair', 'snapshots', '--forget']);
  assert.equal((await check(repository, '--read-data')).num_errors, 0);
  for (const wrong of ['0/2', '3/2', '1/300', '101%', '0%', '5', 'x'])
    assert.equal((await holdfast('check', repository, `--read-data-subset=${wrong}`)).status, 2, wrong);
  assert.equal((await holdfast('check', repository, '--read-data-subset=50%', '--read-data')).status, 2);
});

test('a version 1 repository of restic is upgraded, and both programs go on with it', { skip }, async () => {
  const repository = join(folder, 'old');
  await restic(repository, 'init', '--repository-version', '1');
  await restic(repository, 'backup', source);
  const listed = await holdfast('migrate', repository);
  assert.match(listed.stdout, /upgrade_repo_v2/);
  assert.equal((await check(repository, '--read-data')).num_errors, 0);
  const refused = await holdfast('backup', repository, source);
  assert.notEqual(refused.status, 0);
  const config = readFileSync(join(repository, 'config'));
  const copies = join(folder, 'configs');
  const upgraded = await holdfast('migrate', repository, 'upgrade_repo_v2', '--copies', copies);
  assert.equal(upgraded.status, 0, upgraded.stderr);
  const [copy = ''] = readdirSync(copies);
  assert.deepEqual(readFileSync(join(copies, copy)), config);
  assert.equal(
    jsonResult<{ version: number }>((await restic(repository, 'cat', 'config')).replaceAll('\n', '')).version,
    2,
  );
  assert.match((await holdfast('migrate', repository)).stdout, /no migrations found/);
  assert.equal((await holdfast('migrate', repository, 'upgrade_repo_v2')).status, 1);
  assert.equal((await holdfast('migrate', repository, 'bogus')).status, 2);
  assert.equal((await holdfast('backup', repository, source)).status, 0);
  await restic(repository, 'backup', source);
  await restic(repository, 'check', '--read-data');
  assert.equal((await check(repository, '--read-data')).num_errors, 0);
});

test('a damaged version 1 repository is not upgraded, and keeps its configuration', { skip }, async () => {
  const repository = join(folder, 'old-damaged');
  await restic(repository, 'init', '--repository-version', '1');
  await restic(repository, 'backup', source);
  const config = readFileSync(join(repository, 'config'));
  rmSync(packsOf(repository)[0] ?? '');
  const refused = await holdfast('migrate', repository, 'upgrade_repo_v2');
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /is missing/);
  assert.deepEqual(readFileSync(join(repository, 'config')), config);
  const wrong = await runCli(['repair', 'index', '--repo', repository, '--password-file', passwordFile]);
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /version 1/);
});
