import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { isHoldfastError } from '@holdfast/core';
import fc from 'fast-check';
import { encodeFrame, readFrames } from './frames.ts';
import { maxFrameBytes } from './limits.ts';

async function read(chunks: readonly Uint8Array[]): Promise<unknown[]> {
  return Array.fromAsync(readFrames(Readable.from(chunks.map((chunk) => Buffer.from(chunk)))));
}

/** Cuts bytes at the given places, wherever they fall. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [...at, bytes.length].map((end, n) => bytes.subarray(at[n - 1] ?? 0, end));
}

test('what was written is read, however the stream is cut into pieces', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue(), { maxLength: 5 }),
      fc.array(fc.nat(), { maxLength: 8 }),
      async (messages, places) => {
        const wire = Buffer.concat(messages.map((message) => encodeFrame(message)));
        assert.deepEqual(await read(cut(wire, places)), JSON.parse(JSON.stringify(messages)));
      },
    ),
  );
});

test('foreign bytes give messages or an error of ours, never another one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), async (chunks) => {
      const outcome = await read(chunks).catch((error: unknown) => error);
      assert.ok(Array.isArray(outcome) || isHoldfastError(outcome), String(outcome));
    }),
  );
});

test('a frame may be as large as the limit and not a byte larger', async () => {
  const fits = 'x'.repeat(maxFrameBytes - 2);
  assert.deepEqual(await read([encodeFrame(fits)]), [fits]);
  assert.throws(() => encodeFrame(`${fits}x`), { code: 'internal.limit' });
  const header = Buffer.alloc(4);
  header.writeUInt32BE(maxFrameBytes + 1);
  // Refused by its header: nothing of that size is waited for.
  await assert.rejects(read([header]), { code: 'request.invalid' });
});

test('a stream that ends in the middle of a frame was cut', async () => {
  const frame = encodeFrame({ type: 'ping' });
  for (let length = 1; length < frame.length; length += 1) {
    await assert.rejects(read([frame.subarray(0, length)]), { code: 'channel.closed' });
  }
  assert.deepEqual(await read([]), []);
});

test('a frame that is no JSON is refused', async () => {
  await assert.rejects(read([Buffer.from([0, 0, 0, 1, 0x7b])]), { code: 'request.invalid' });
  await assert.rejects(read([Buffer.from([0, 0, 0, 0])]), { code: 'request.invalid' });
});
