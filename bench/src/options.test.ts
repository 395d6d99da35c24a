import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions, usage } from './options.ts';
import { rows } from './rows.ts';

test('everything in full size by default', () => {
  const options = parseOptions([]);
  assert.deepEqual(options.rows, rows);
  assert.equal(options.rounds, 3);
  assert.deepEqual(options.sizes, { bigBytes: 2 * 1024 ** 3, smallFiles: 40_000 });
  assert.equal(options.write, false);
});

test('sizes are scaled', () => {
  const { sizes } = parseOptions(['--scale', '0.01', '--big-bytes', '4294967296', '--small-files', '100']);
  assert.deepEqual(sizes, { bigBytes: 42_949_673, smallFiles: 1 });
});

test('rows by name and by group, in the order in which they run', () => {
  const ids = (list: string) => parseOptions(['--rows', list]).rows.map(({ id }) => id);
  assert.deepEqual(ids('no-change,big-random'), ['big-random', 'no-change']);
  assert.deepEqual(ids('restore'), ['restore-big-random', 'restore-small-files']);
  assert.deepEqual(ids('check-small-files'), ['check-small-files']);
  assert.deepEqual(ids('backup'), ['big-random', 'small-files']);
});

test('wrong command lines are told apart', () => {
  for (const [args, message] of [
    [['--rows', 'big'], /no row big; rows: big-random/],
    [['--programs', 'tar'], /--programs knows no tar/],
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
