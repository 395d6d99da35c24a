import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions, usage } from './options.ts';
import { rows } from './rows.ts';

test('everything in full size by default', () => {
  const options = parseOptions([]);
  assert.deepEqual(options.rows, rows);
  assert.equal(options.rounds, 3);
  assert.deepEqual([options.sizes.bigBytes, options.sizes.smallFiles], [2 * 1024 ** 3, 40_000]);
  assert.deepEqual([options.sizes.historyBackups, options.sizes.indexBlobs], [50, 5_000_000]);
  assert.equal(options.write, false);
});

test('sizes are scaled', () => {
  const { sizes } = parseOptions(['--scale', '0.01', '--big-bytes', '4294967296', '--small-files', '100']);
  assert.deepEqual([sizes.bigBytes, sizes.textBytes, sizes.smallFiles], [42_949_673, 42_949_673, 1]);
  const { sizes: tiny } = parseOptions(['--scale', '0.0001']);
  assert.ok(
    tiny.historyBackups >= 2 && tiny.indexBlobs >= 10_000,
    'a history has two backups, a large index two packs',
  );
  assert.ok(parseOptions(['--scale', '100']).sizes.historyBackups === 50, 'more backups are no larger ones');
});

test('rows by name and by group, in the order in which they run', () => {
  const ids = (list: string) => parseOptions(['--rows', list]).rows.map(({ id }) => id);
  assert.deepEqual(ids('no-change,big-random'), ['big-random', 'no-change']);
  assert.deepEqual(ids('restore'), ['restore-big-random', 'restore-big-text', 'restore-small-files']);
  assert.deepEqual(ids('check-small-files'), ['check-small-files']);
  assert.deepEqual(ids('backup'), ['big-random', 'big-text', 'small-files', 'mixed']);
  assert.deepEqual(ids('memory'), ['memory-backup', 'memory-prune']);
});

test('presets: the full sizes, every row in quick, rounds unless they are given', () => {
  const { sizes, rounds } = parseOptions(['--preset', 'full']);
  assert.deepEqual([sizes.bigBytes, sizes.textBytes, sizes.smallFiles], [4 * 1024 ** 3, 4 * 1024 ** 3, 100_000]);
  assert.deepEqual([sizes.tinyFiles, sizes.historyBackups, sizes.indexBlobs, rounds], [1_000_000, 50, 5_000_000, 3]);
  const quick = parseOptions(['--preset', 'quick']);
  assert.deepEqual([quick.rows, quick.rounds], [rows, 1]);
  assert.equal(parseOptions(['--preset', 'quick', '--rounds', '3']).rounds, 3);
});

test('wrong command lines are told apart', () => {
  for (const [args, message] of [
    [['--rows', 'big'], /no row big; rows: big-random/],
    [['--programs', 'tar'], /--programs knows no tar/],
    [['--preset', 'toString'], /--preset knows no toString: quick, standard, full/],
    [['--rounds', '0'], /--rounds takes a number from 1 to 99, not 0/],
    [['--rounds', '1.5'], /--rounds takes a whole number/],
    [['--scale', ''], /--scale takes/],
    [['--scale', 'NaN'], /--scale takes/],
    [['--unknown'], /--unknown/],
    [['file'], /file/],
  ] as const)
    assert.throws(() => parseOptions(args), { message });
});

test('the usage names every row', () => {
  for (const { id } of rows) assert.ok(usage.includes(id), id);
});
