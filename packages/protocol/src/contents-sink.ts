import { HoldfastError } from '@holdfast/core';
import { parseJsonText, parseMessage } from './error-report.ts';
import { maxReadingLineBytes } from './limits.ts';
import { type ContentsHead, contentsHead } from './reading.ts';

/** An HTTP answer of bytes. */
export interface ByteAnswer {
  readonly hasBegun: boolean;
  begin(head: { readonly status: 200 | 206; readonly headers: Readonly<Record<string, string>> }): void;
  /** Waits until the client has taken enough, or the signal aborts. */
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void>;
}

/** Answers with a file or an archive: the line that comes first becomes the head. */
export class ContentsSink {
  bytes = 0;
  readonly #stream: ByteAnswer;
  readonly #isPart: boolean;
  readonly #archive: string;
  #early = Buffer.alloc(0);

  constructor(stream: ByteAnswer, o: { readonly isPart: boolean; readonly archive: string }) {
    this.#stream = stream;
    this.#isPart = o.isPart;
    this.#archive = o.archive;
  }

  async take(bytes: Buffer, signal: AbortSignal): Promise<void> {
    const body = this.#stream.hasBegun ? bytes : this.#begin(bytes);
    if (body === undefined) return;
    this.bytes += body.length;
    await this.#stream.write(body, signal);
  }

  /** What follows the line; undefined while it is not there as a whole. */
  #begin(bytes: Buffer): Buffer | undefined {
    this.#early = Buffer.concat([this.#early, bytes]);
    const end = this.#early.indexOf('\n');
    if (end < 0 && this.#early.length < maxReadingLineBytes) return undefined;
    if (end < 0) throw new HoldfastError('request.invalid', { message: 'The executor did not say what follows.' });
    const what = 'The beginning of a download';
    const head = parseMessage(contentsHead, parseJsonText(this.#early.toString('utf8', 0, end), what), what);
    this.#stream.begin(this.#headOf(head));
    return this.#early.subarray(end + 1);
  }

  #headOf({ kind, name, sizeBytes = 0, from = 0, to = -1 }: ContentsHead): Parameters<ByteAnswer['begin']>[0] {
    if (kind === 'archive') {
      const file = `${name === '' ? 'snapshot' : name}.${this.#archive}`;
      const type = this.#archive === 'zip' ? 'application/zip' : 'application/x-tar';
      return { status: 200, headers: { 'content-type': type, 'content-disposition': attachment(file) } };
    }
    const headers = {
      'content-type': 'application/octet-stream',
      'content-disposition': attachment(name),
      'content-length': String(to - from + 1),
      'accept-ranges': 'bytes',
    };
    if (!this.#isPart) return { status: 200, headers };
    return { status: 206, headers: { ...headers, 'content-range': `bytes ${from}-${to}/${sizeBytes}` } };
  }
}

/** A file's name for `Content-Disposition` (RFC 6266, RFC 8187). It comes from a backup and may be anything. */
export function attachment(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9._-]/g, '_');
  const exact = encodeURIComponent(name.toWellFormed()).replaceAll(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
}
