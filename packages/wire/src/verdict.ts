import type { Duplex } from 'node:stream';
import { type ErrorReport, errorTable, HoldfastError } from '@holdfast/core';
import { maxVerdictBytes } from './limits.ts';
import { readExactly, type WaitOptions } from './waiting.ts';

/**
 * What the listening side says before anything else, to diallers of ours: one byte 0x01 (come in), or 0x00, a length of two
 * bytes and a JSON error report. TLS 1.3 lets a client finish its handshake before the server has looked at its certificate, so
 * without this a refused client would only see its first request cut.
 */

const accepted = 0x01;
const refused = 0x00;

export function sendAccepted(stream: Duplex): void {
  stream.write(Buffer.of(accepted));
}

/** Tells a dialler of ours why it is refused, then closes; the stream is destroyed after the time limit at the latest. */
export function sendRefused(stream: Duplex, error: HoldfastError, timeoutMs: number): void {
  const { code, message, guidance } = error;
  const text = Buffer.from(JSON.stringify({ code, message: message.slice(0, 700), guidance: guidance.slice(0, 700) }));
  const head = Buffer.alloc(3);
  head.writeUInt8(refused, 0);
  head.writeUInt16BE(text.length, 1);
  const timer = setTimeout(() => stream.destroy(), timeoutMs);
  // A refused peer is no reason for a process to live on.
  timer.unref();
  stream.once('close', () => clearTimeout(timer));
  stream.resume();
  stream.end(text.length > maxVerdictBytes ? Buffer.of(refused, 0, 0) : Buffer.concat([head, text]));
}

/** Reads the verdict. Returns when accepted, throws the other end's reason when refused. */
export async function readVerdict(stream: Duplex, o: WaitOptions): Promise<void> {
  const [byte] = await readExactly(stream, 1, o);
  if (byte === accepted) return;
  if (byte !== refused) throw Object.assign(new Error('an unknown verdict'), { code: 'EPROTO' });
  const sizeBytes = (await readExactly(stream, 2, o)).readUInt16BE(0);
  if (sizeBytes > maxVerdictBytes) throw Object.assign(new Error('a verdict too long'), { code: 'EPROTO' });
  throw parseRefusal(sizeBytes === 0 ? '' : (await readExactly(stream, sizeBytes, o)).toString('utf8'));
}

/** The other end's reason as an error; anything that is not a report becomes `channel.identity`. */
function parseRefusal(text: string): HoldfastError {
  let report: Partial<Record<keyof ErrorReport, unknown>> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) report = parsed;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const known = typeof report.code === 'string' && Object.hasOwn(errorTable, report.code);
  return new HoldfastError(known ? (report.code as ErrorReport['code']) : 'channel.identity', {
    ...(typeof report.message === 'string' ? { message: report.message } : {}),
    ...(typeof report.guidance === 'string' ? { guidance: report.guidance } : {}),
  });
}
