import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { maxOutputBytes, maxOutputPieceBytes } from './limits.ts';
import { TaskOutput } from './task-output.ts';

const { signal } = new AbortController();

async function all(output: TaskOutput): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (;;) {
    const { bytes, ended } = await output.read(signal);
    const piece = Buffer.from(bytes, 'base64');
    assert.ok(piece.length <= maxOutputPieceBytes);
    pieces.push(piece);
    if (ended) return Buffer.concat(pieces);
  }
}

test('what is written is read, in order and whole, in pieces that fit a message', async () => {
  const output = new TaskOutput();
  const written = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => at % 251));
  const reading = all(output);
  for (let at = 0; at < written.length; at += 70_001) await output.write(written.subarray(at, at + 70_001), signal);
  output.end();
  await output.fetched(signal);
  assert.ok((await reading).equals(written));
  assert.equal(output.bytes, written.length);
});

test('nothing at all is an end', async () => {
  const output = new TaskOutput();
  output.end();
  assert.equal((await all(output)).length, 0);
});

test('whoever writes waits for whoever reads, and gives up on nobody', async () => {
  const output = new TaskOutput({ silenceMs: 20 });
  await output.write(Buffer.alloc(maxOutputBytes), signal);
  await assert.rejects(output.write(Buffer.from('more'), signal), { code: 'run.timeout' });
  await output.read(signal);
  await output.write(Buffer.from('more'), signal);
});

test('a failure comes after what was written before it; a cancellation ends both sides', async () => {
  const output = new TaskOutput();
  await output.write(Buffer.from('early'), signal);
  output.end(new HoldfastError('repository.damaged'));
  assert.equal(Buffer.from((await output.read(signal)).bytes, 'base64').toString(), 'early');
  await assert.rejects(output.read(signal), { code: 'repository.damaged' });

  const cancelled = new AbortController();
  const other = new TaskOutput();
  const reading = other.read(cancelled.signal);
  cancelled.abort(new HoldfastError('run.cancelled'));
  await assert.rejects(reading, { code: 'run.cancelled' });
  await assert.rejects(other.write(Buffer.from('x'), cancelled.signal), { code: 'run.cancelled' });
});
