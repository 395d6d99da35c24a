import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { HoldfastError } from '@holdfast/core';
import { parseJsonText } from './error-report.ts';
import { maxFrameBytes } from './limits.ts';

/** One frame: four bytes of length, big-endian, then that many bytes of UTF-8 JSON. */

const headerBytes = 4;

export function encodeFrame(message: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(message), 'utf8');
  if (body.length > maxFrameBytes) {
    throw new HoldfastError('internal.limit', {
      message: `A message of ${body.length} bytes is over the limit of ${maxFrameBytes}.`,
    });
  }
  const frame = Buffer.allocUnsafe(headerBytes + body.length);
  frame.writeUInt32BE(body.length);
  body.copy(frame, headerBytes);
  return frame;
}

/** Writes one frame and waits while the other end is slow. */
export async function writeFrame(stream: Writable, message: unknown, signal?: AbortSignal): Promise<void> {
  if (!stream.write(encodeFrame(message))) await once(stream, 'drain', signal ? { signal } : {});
}

/** The messages of a stream until it ends. Throws `request.invalid` for a frame that is too long, cut short, or not JSON. */
export async function* readFrames(stream: Readable): AsyncGenerator<unknown> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= headerBytes) {
      const length = pending.readUInt32BE();
      if (length > maxFrameBytes) {
        throw new HoldfastError('request.invalid', {
          message: `A frame announces ${length} bytes, more than the limit of ${maxFrameBytes}.`,
        });
      }
      if (pending.length < headerBytes + length) break;
      const body = pending.subarray(headerBytes, headerBytes + length);
      pending = pending.subarray(headerBytes + length);
      yield parseJsonText(body.toString('utf8'), 'A frame');
    }
  }
  if (pending.length > 0)
    throw new HoldfastError('channel.closed', { message: 'The connection ended in the middle of a message.' });
}
