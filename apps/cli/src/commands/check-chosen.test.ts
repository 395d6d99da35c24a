import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { type CliResult, jsonResult } from '../testing/run-cli.ts';
import { standAloneFixture } from '../testing/stand-alone-fixture.ts';

interface Report {
  readonly num_errors: number;
  readonly snapshots: number;
  readonly bytesRead: number;
}

describe('check of chosen snapshots', { skip: skipUnless({ programs: ['restic'], platform: 'linux' }) }, () => {
  const { folder, freshRepository, holdfast, tryRestic } = standAloneFixture();
  let repository = '';
  let packsBefore: string[] = [];
  const packs = (): string[] =>
    readdirSync(join(repository, 'data'), { recursive: true, encoding: 'utf8' })
      .filter((path) => /[0-9a-f]{64}$/.test(path))
      .map((path) => join(repository, 'data', path));

  before(async () => {
    repository = await freshRepository('repository');
    for (const name of ['whole', 'damaged']) {
      packsBefore = packs();
      const source = join(folder, name);
      mkdirSync(source);
      writeFileSync(join(source, 'file'), randomBytes(500_000));
      assert.equal((await holdfast('backup', repository, source, '--tag', name)).status, 0);
    }
  });

  const check = (...args: string[]): Promise<CliResult> => holdfast('check', repository, '--json', ...args);

  test('reads what belongs to them and nothing else', async () => {
    const all = jsonResult<Report>((await check('--read-data')).stdout);
    const some = jsonResult<Report>((await check('--read-data', '--tag', 'whole')).stdout);
    assert.deepEqual([all.snapshots, some.snapshots, all.num_errors], [2, 1, 0]);
    assert.ok(
      some.bytesRead < all.bytesRead * 0.6 && some.bytesRead > 500_000,
      `${some.bytesRead} of ${all.bytesRead}`,
    );
  });

  test('says how much it looked at, and warns of nothing', async () => {
    const said = async (...args: string[]): Promise<string> => (await holdfast('check', repository, ...args)).stdout;
    assert.match(await said(), /^The repository is sound: 2 snapshots, /);
    assert.match(await said('--tag', 'whole'), /^What was checked is sound: 1 of 2 snapshots, /);
    assert.match(await said('--host', 'nobody'), /^What was checked is sound: 0 of 2 snapshots, /);
    for (const how of ['--json', '--quiet'])
      assert.match((await holdfast('check', repository, how, '--host', 'nobody')).stderr, /^Warning: No snapshot fits/);
  });

  test('finds damage in what they need, and only there, as restic does', async () => {
    // The pack of its content: the largest of those that came with it.
    const file = packs()
      .filter((path) => !packsBefore.includes(path))
      .sort((a, b) => statSync(b).size - statSync(a).size)[0];
    assert.ok(file);
    const bytes = readFileSync(file);
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    rmSync(file);
    writeFileSync(file, bytes);
    for (const [args, status] of [
      [['--tag', 'whole'], 0],
      [['--tag', 'damaged'], 1],
      [['latest'], 1],
      [['latest', '--path', join(folder, 'whole')], 0],
      [['--host', 'nobody'], 0],
      [['abcdef'], 1],
      [[], 1],
    ] as const) {
      assert.equal((await check('--read-data', ...args)).status, status, args.join(' '));
      assert.equal(
        (await tryRestic(repository, ['check', '--read-data', ...args])).status,
        status,
        `restic ${args.join(' ')}`,
      );
    }
  });
});
