import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { maxLogMessageCharacters, maxTaskLogLines } from './limits.ts';
import { logLine, TaskLog } from './run-log.ts';

const line = { level: 'info', process: 'agent' } as const;

test('each line is later than the one before, also when a clock is set back', () => {
  let now = new Date('2026-01-01T00:00:00.000Z');
  const log = new TaskLog({ now: () => now });
  for (const message of ['a', 'b']) log.add({ ...line, message });
  now = new Date('2025-12-31T00:00:00.000Z');
  log.add({ ...line, message: 'c' });
  const lines = log.lines();
  assert.deepEqual(
    lines.map(({ at }) => at.slice(17)),
    ['00.000Z', '00.001Z', '00.002Z'],
  );
  assert.deepEqual(
    log.lines(lines[0]?.at).map(({ message }) => message),
    ['b', 'c'],
  );
});

test('lines and their number are bounded', () => {
  const log = new TaskLog(new ManualClock());
  for (let number = 0; number <= maxTaskLogLines; number += 1) log.add({ ...line, message: `${number}` });
  assert.equal(log.lines().length, maxTaskLogLines);
  assert.equal(log.lines()[0]?.message, '1');
  const long = log.add({ ...line, message: `one\ntwo${'x'.repeat(maxLogMessageCharacters)}` });
  assert.match(long.message, /^one two/);
  assert.ok(logLine.safeParse(long).success);
});
