import assert from 'node:assert/strict';
import { chmodSync, readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { temporaryFolder } from '@holdfast/core/testing';
import { contentOf, MiB, nameOf, pagesOf, rejects } from '../conformance/content.ts';
import { openLocalDisk } from './open-local-disk.ts';
import { streamBatches } from './stream-batches.ts';

const body = contentOf('streamed', 3 * MiB + 17);
const name = nameOf('data', body);

async function freshDisk(t: TestContext) {
  const path = temporaryFolder(t);
  const target = await openLocalDisk({ path, create: true });
  const nothingLeft = async (): Promise<void> => {
    assert.equal(await target.stat(name), undefined);
    assert.deepEqual(await pagesOf(target, 'data'), []);
    assert.deepEqual(readdirSync(join(path, 'holdfast', 'tmp')), []);
  };
  return { target, nothingLeft, path };
}

/** Pieces as a network brings them. */
function* pieces(content: Buffer): Generator<Buffer> {
  for (let offset = 0; offset < content.length; offset += 65_521) yield content.subarray(offset, offset + 65_521);
}

test('an object is stored while it arrives, and once more is identical', async (t) => {
  const { target } = await freshDisk(t);
  const options = { expectedSizeBytes: body.length };
  assert.equal(await target.createFromStream(name, Readable.from(pieces(body)), options), 'created');
  assert.ok(body.equals(await target.read(name)));
  assert.equal(await target.createFromStream(name, Readable.from(pieces(body)), options), 'identical');
  assert.equal(target.transferred().sentBytes, 2 * body.length);
});

test('fewer or more bytes than announced are no object', async (t) => {
  const { target, nothingLeft } = await freshDisk(t);
  const stored = (expectedSizeBytes: number) =>
    target.createFromStream(name, Readable.from(pieces(body)), { expectedSizeBytes });
  await rejects(stored(body.length + 1), 'channel.closed');
  await nothingLeft();
  await rejects(stored(body.length - 1), 'request.invalid');
  await nothingLeft();
  await rejects(stored(161 * MiB), 'storage.size');
  await nothingLeft();
});

test('a limit is kept, at once if the size is announced, else as soon as it is passed', async (t) => {
  const { target, nothingLeft } = await freshDisk(t);
  const announced = Readable.from(pieces(body));
  const limits = { maxSizeBytes: body.length - 1 };
  await rejects(
    target.createFromStream(name, announced, { ...limits, expectedSizeBytes: body.length }),
    'storage.size',
  );
  assert.equal(announced.readableDidRead, false);
  await rejects(target.createFromStream(name, Readable.from(pieces(body)), limits), 'storage.size');
  await nothingLeft();
  const exact = { maxSizeBytes: body.length };
  assert.equal(await target.createFromStream(name, Readable.from(pieces(body)), exact), 'created');
});

test('a refused stream is not destroyed, so that an answer can be sent', async (t) => {
  const { target, nothingLeft } = await freshDisk(t);
  const wrong = Readable.from(pieces(contentOf('wrong', body.length)), { autoDestroy: false });
  await rejects(target.createFromStream(name, wrong), 'storage.tampered');
  assert.equal(wrong.destroyed, false);
  const tooLong = Readable.from(pieces(body), { autoDestroy: false });
  await rejects(target.createFromStream(name, tooLong, { maxSizeBytes: MiB }), 'storage.size');
  assert.equal(tooLong.destroyed, false);
  await nothingLeft();
});

test('a sender that breaks off is channel.closed', async (t) => {
  const { target, nothingLeft } = await freshDisk(t);
  const broken = Readable.from(
    (function* () {
      yield body.subarray(0, 2 * MiB);
      throw new Error('ECONNRESET');
    })(),
  );
  await rejects(target.createFromStream(name, broken), 'channel.closed');
  await nothingLeft();
});

test('a sender that stalls can be aborted', async (t) => {
  const { target, nothingLeft } = await freshDisk(t);
  const stalled = new PassThrough();
  const abort = new AbortController();
  const work = target.createFromStream(name, stalled, { signal: abort.signal });
  stalled.write(body.subarray(0, MiB));
  await turn();
  abort.abort();
  await rejects(work, 'run.cancelled');
  await nothingLeft();
});

test('tens of thousands of pieces of one byte are one object', async (t) => {
  const { target } = await freshDisk(t);
  const many = contentOf('many pieces', 50_000);
  const singles = Readable.from(
    (function* () {
      for (let offset = 0; offset < many.length; offset += 1) yield many.subarray(offset, offset + 1);
    })(),
  );
  assert.equal(await target.createFromStream(nameOf('data', many), singles), 'created');
  assert.ok(many.equals(await target.read(nameOf('data', many))));
});

test('objects and ranges of them come in pieces of at most 256 KiB, whose memory is used again', async (t) => {
  const { target } = await freshDisk(t);
  await target.create(name, [body]);
  await using object = await target.openReader(name);
  assert.equal(object.sizeBytes, body.length);
  const memory = new Set<ArrayBufferLike>();
  for (const [offset, length] of [
    [0, undefined],
    [5, 10],
    [0, 1],
    [body.length - 1, 1],
    [MiB, undefined],
    [0, 0],
    [body.length, 0],
    [body.length, undefined],
  ] as const) {
    const received: Buffer[] = [];
    for await (const piece of object.pieces({ offset, length })) {
      assert.ok(piece.length <= 256 * 1024);
      if (received.length < 3 && offset === 0 && length === undefined) memory.add(piece.buffer);
      received.push(Buffer.from(piece));
    }
    const end = length === undefined ? body.length : offset + length;
    assert.ok(body.subarray(offset, end).equals(Buffer.concat(received)), `${offset}+${length}`);
  }
  assert.equal(memory.size, 2);
  await rejects(object.pieces({ offset: body.length, length: 1 }).next(), 'storage.range');
  await rejects(target.openReader(nameOf('data', Buffer.from('none'))), 'storage.missing');
  assert.equal(target.transferred().receivedBytes, body.length + 10 + 1 + 1 + (body.length - MiB));
});

test('an object that is not read to its end, or cut short meanwhile, is closed and says so', async (t) => {
  const { target, path } = await freshDisk(t);
  await target.create(name, [body]);
  const abort = new AbortController();
  await using object = await target.openReader(name);
  for await (const _piece of object.pieces()) break;
  const pieces = object.pieces({ signal: abort.signal });
  await pieces.next();
  abort.abort();
  await rejects(pieces.next(), 'run.cancelled');
  const file = join(path, 'data', name.id.slice(0, 2), name.id);
  chmodSync(file, 0o600);
  truncateSync(file, MiB);
  await rejects(buffer(object.pieces()), 'storage.range');
});

test('a stream fills one batch while the other is in use, and then waits', async () => {
  let given = 0;
  const source = new Readable({
    highWaterMark: 1,
    read() {
      given += 1;
      this.push(given <= 50 ? Buffer.alloc(10, given) : null);
    },
  });
  const batches = streamBatches(source, 15);
  const seen: Buffer[] = [];
  const memory = new Set<ArrayBufferLike>();
  for await (const batch of batches) {
    const before = Buffer.from(batch);
    for (let n = 0; n < 5; n += 1) await turn();
    // Two batches, and what the stream itself holds: nobody reads ahead.
    assert.ok(given * 10 <= seen.length * 15 + 2 * 15 + 40, `${given} pieces`);
    assert.deepEqual(Buffer.from(batch), before);
    assert.equal(batch.length, seen.length < 33 ? 15 : 5);
    memory.add(batch.buffer);
    seen.push(before);
  }
  assert.equal(memory.size, 2);
  const all = Buffer.concat(seen);
  assert.equal(all.length, 500);
  for (let piece = 0; piece < 50; piece += 1) assert.equal(all[piece * 10 + 9], piece + 1);
  assert.equal(source.listenerCount('data'), 0);
});

test('a stream that was cut before it is read is no object', async (t) => {
  const { target, nothingLeft } = await freshDisk(t);
  const gone = new PassThrough();
  gone.destroy();
  await rejects(target.createFromStream(name, gone), 'channel.closed');
  const cut = new PassThrough();
  const work = target.createFromStream(name, cut);
  cut.write(body.subarray(0, MiB));
  await turn();
  cut.destroy();
  await rejects(work, 'channel.closed');
  await nothingLeft();
});
