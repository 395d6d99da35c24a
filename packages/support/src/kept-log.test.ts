import assert from 'node:assert/strict';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { KeptLog, keptLines } from './kept-log.ts';
import { bundleLimits } from './limits.ts';

test('the last lines are kept over restarts, bounded, and for nobody else to read', async (t) => {
  const folder = join(temporaryFolder(t), 'server');
  const failures: string[] = [];
  const line = (n: number): string => `${JSON.stringify({ n, filler: 'x'.repeat(100_000) })}\n`;
  for (let start = 0; start < 3; start += 1) {
    const log = new KeptLog(folder, (why) => failures.push(why));
    for (let n = 0; n < 40; n += 1) log.write(line(start * 40 + n));
    log.write(line(-1).repeat(3));
    log.close();
  }
  assert.deepEqual(failures, []);
  const files = readdirSync(join(folder, 'log')).map((name) => statSync(join(folder, 'log', name)));
  assert.ok(files.every(({ mode }) => (mode & 0o777) === 0o600));
  assert.ok(
    files.length === 2 && files.every(({ size }) => size <= bundleLimits.keptLogBytes + bundleLimits.maxLineBytes),
  );
  const kept = (await Array.fromAsync(keptLines(folder))).map((one) => JSON.parse(one) as { n?: number; msg?: string });
  assert.match(kept.at(-1)?.msg ?? '', /characters was not kept/);
  const numbers = kept.flatMap(({ n }) => n ?? []);
  assert.deepEqual(
    numbers,
    Array.from(numbers, (_, at) => 119 - numbers.length + 1 + at),
  );
  assert.ok(numbers.length > 40);
});

test("what cannot be kept is told once, and is in nobody's way", (t) => {
  const folder = temporaryFolder(t);
  // A file stands where the folder would be.
  writeFileSync(join(folder, 'log'), '');
  const failures: string[] = [];
  const log = new KeptLog(folder, (why) => failures.push(why));
  for (let n = 0; n < 3; n += 1) log.write('{}\n');
  assert.equal(failures.length, 1);
});
