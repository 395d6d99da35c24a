import assert from 'node:assert/strict';
import { test } from 'node:test';
import { moment } from './moment.ts';

test('times in the forms of restic', () => {
  const local = (year: number, month: number, day: number, ...time: number[]): bigint =>
    BigInt(new Date(year, month - 1, day, ...time).getTime()) * 1_000_000n;
  assert.equal(moment('2026-01-31'), local(2026, 1, 31));
  assert.equal(moment('31.01.2026 18:00'), local(2026, 1, 31, 18));
  assert.equal(moment('2026-01-31 18:00:30'), local(2026, 1, 31, 18, 0, 30));
  assert.equal(moment('2026-01-31 18:00:30 +0130'), BigInt(Date.UTC(2026, 0, 31, 16, 30, 30)) * 1_000_000n);
  assert.equal(moment('2026-01-31T18:00:30Z'), BigInt(Date.UTC(2026, 0, 31, 18, 0, 30)) * 1_000_000n);
  for (const wrong of ['soon', '2026-02-30', '2026-13-01', '2026-01-01 24:00', '2026-1-1', '', '01/02/2026'])
    assert.throws(() => moment(wrong), { code: 'commander.invalidArgument' }, wrong);
});
