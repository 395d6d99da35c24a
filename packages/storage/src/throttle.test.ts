import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { HoldfastError, ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { contentOf, nameOf } from './conformance/content.ts';
import { openLocalDisk } from './local-disk/open-local-disk.ts';
import { runConformance } from './testing.ts';
import { TokenBucket, throttled } from './throttle.ts';

/** Lets everything run that needs no time. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Notes in order what has resolved. */
function noting(): { done: string[]; note: (what: string, work: Promise<unknown>) => void } {
  const done: string[] = [];
  return {
    done,
    note: (what, work) => {
      work.then(
        () => done.push(what),
        (error: unknown) => done.push(`${what} ${error instanceof HoldfastError ? error.code : String(error)}`),
      );
    },
  };
}

test('after the burst, bytes wait for those before them, in order', async () => {
  const clock = new ManualClock();
  const bucket = new TokenBucket({ bytesPerSecond: 1000, burstBytes: 500, clock });
  const { done, note } = noting();
  note('a', bucket.take(500));
  note('b', bucket.take(2000));
  note('c', bucket.take(1));
  note('d', bucket.take(1));
  await settle();
  assert.deepEqual(done, ['a', 'b']);
  clock.advance(1999);
  await settle();
  assert.deepEqual(done, ['a', 'b']);
  clock.advance(1);
  await settle();
  assert.deepEqual(done, ['a', 'b', 'c']);
  clock.advance(1);
  await settle();
  assert.deepEqual(done, ['a', 'b', 'c', 'd']);
});

test('a long pause allows one burst, not more', async () => {
  const clock = new ManualClock();
  const bucket = new TokenBucket({ bytesPerSecond: 1000, burstBytes: 500, clock });
  clock.advance(60_000);
  const { done, note } = noting();
  note('a', bucket.take(501));
  note('b', bucket.take(1));
  await settle();
  assert.deepEqual(done, ['a']);
  clock.advance(1);
  await settle();
  assert.deepEqual(done, ['a', 'b']);
});

test('an aborted wait gives its bytes back', async () => {
  const clock = new ManualClock();
  const bucket = new TokenBucket({ bytesPerSecond: 1000, burstBytes: 0, clock });
  const abort = new AbortController();
  const { done, note } = noting();
  note('a', bucket.take(1000));
  note('b', bucket.take(50_000, abort.signal));
  await settle();
  abort.abort();
  await settle();
  assert.deepEqual(done, ['a', 'b run.cancelled']);
  note('c', bucket.take(1));
  clock.advance(1000);
  await settle();
  assert.deepEqual(done, ['a', 'b run.cancelled', 'c']);
});

test('rates that make no sense are refused', () => {
  for (const bytesPerSecond of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => new TokenBucket({ bytesPerSecond }), RangeError);
});

const folder = temporaryFolder({ after });

test('both directions of a target wait for their bucket', async () => {
  const clock = new ManualClock();
  const disk = await openLocalDisk({ path: `${folder}/both`, create: true });
  const upload = new TokenBucket({ bytesPerSecond: 1000, burstBytes: 1000, clock });
  const download = new TokenBucket({ bytesPerSecond: 1000, burstBytes: 1000, clock });
  await using target = throttled(disk, { upload, download });
  const [first, second] = [contentOf('first', 2000), contentOf('second', 10)];
  await target.create(nameOf('data', first), [first]);
  const { done, note } = noting();
  const stored = target.create(nameOf('data', second), [second]);
  note('stored', stored);
  await settle();
  assert.equal(await disk.stat(nameOf('data', second)), undefined);
  // Which takes minutes for a large object: whoever looks meanwhile sees what is waited for.
  const { requestMs } = target.transferred();
  while (target.transferred().requestMs === requestMs) await settle();
  clock.advance(1000);
  await stored;
  assert.deepEqual(Buffer.from(await target.read(nameOf('data', first))), first);
  const read = target.read(nameOf('data', second));
  note('read', read);
  await settle();
  assert.deepEqual(done, ['stored']);
  clock.advance(1000);
  assert.deepEqual(Buffer.from(await read), second);
});

test('locks wait for nothing, and a configuration can be replaced', async () => {
  const disk = await openLocalDisk({ path: `${folder}/locks`, create: true });
  const bucket = new TokenBucket({ bytesPerSecond: 1, burstBytes: 0, clock: new ManualClock() });
  await using target = throttled(disk, { upload: bucket, download: bucket });
  const content = contentOf('lock', 100);
  bucket.owe(1_000_000);
  const name = nameOf('lock', content);
  await target.create(name, [content]);
  assert.deepEqual(Buffer.from(await target.read(name)), content);
  assert.equal(typeof target.replaceConfig, typeof disk.replaceConfig);
});

let count = 0;
runConformance('a throttled target', async () => {
  count += 1;
  const bucket = new TokenBucket({ bytesPerSecond: 2 ** 40 });
  const clock = new ManualClock();
  const disk = await openLocalDisk({ path: `${folder}/${count}`, create: true, clock });
  return {
    target: throttled(disk, { upload: bucket, download: bucket }),
    advanceTime: (durationMs) => clock.advance(durationMs),
  };
});
