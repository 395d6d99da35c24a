import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatBytes, formatCount, formatDuration, parseDurationMs } from './units.ts';

test('bytes', () => {
  const kibi = 1024;
  for (const [bytes, text] of [
    [0, '0 B'],
    [-5, '0 B'],
    [1023, '1023 B'],
    [kibi, '1.00 KiB'],
    [1536, '1.50 KiB'],
    [15.25 * kibi, '15.3 KiB'],
    [100 * kibi, '100 KiB'],
    [kibi ** 2 - 1, '1.00 MiB'],
    [kibi ** 2, '1.00 MiB'],
    [2.5 * kibi ** 3, '2.50 GiB'],
    [kibi ** 4, '1.00 TiB'],
    [5000 * kibi ** 5, '5000 PiB'],
  ] as const)
    assert.equal(formatBytes(bytes), text);
});

test('durations', () => {
  for (const [durationMs, text] of [
    [0, '0 ms'],
    [850.4, '850 ms'],
    [999.6, '1.0 s'],
    [4200, '4.2 s'],
    [59_949, '59.9 s'],
    [59_960, '1 m 00 s'],
    [187_000, '3 m 07 s'],
    [3_599_600, '1 h 00 m'],
    [7_500_000, '2 h 05 m'],
  ] as const)
    assert.equal(formatDuration(durationMs), text);
});

test('no number is ever shown as 60 seconds, 60 minutes, 1000 ms or 1024 of a unit', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (durationMs) => {
      assert.doesNotMatch(formatDuration(durationMs), /\b60\b|^60\.0 s|1000 ms/);
    }),
    { seed: 1 },
  );
  fc.assert(
    fc.property(fc.nat(), (bytes) => {
      assert.doesNotMatch(formatBytes(bytes), /^1024 (?!PiB)/);
    }),
    { seed: 1 },
  );
});

test('counts', () => {
  assert.equal(formatCount(0), '0');
  for (const count of [7, 999, 1000, 12_345, 123_456, 1_234_567, -1000, Number.MAX_SAFE_INTEGER])
    assert.equal(formatCount(count), count.toLocaleString('en-US'));
});

test('durations are read with their unit, and nothing else is', () => {
  assert.equal(parseDurationMs('250ms'), 250);
  assert.equal(parseDurationMs(' 90s '), 90_000);
  assert.equal(parseDurationMs('15m'), 900_000);
  assert.equal(parseDurationMs('24h'), 86_400_000);
  assert.equal(parseDurationMs('30d'), 2_592_000_000);
  for (const text of ['', '5', 's', '-1s', '1.5h', '1 h', '1w', '1s1s', '9999999999s', '1toString'])
    assert.equal(parseDurationMs(text), undefined);
});
