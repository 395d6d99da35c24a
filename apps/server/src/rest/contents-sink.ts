import { HoldfastError } from '@holdfast/core';
import { type ContentsHead, contentsHead, limits, parseJsonText, parseMessage } from '@holdfast/protocol';
import { attachment, type ByteStream } from './byte-stream.ts';

/** Answers with a file or an archive: the line that comes first becomes the head. */
export class ContentsSink {
  bytes = 0;
  readonly #stream: ByteStream;
  readonly #isPart: boolean;
  readonly #archive: string;
  #early = Buffer.alloc(0);

  constructor(stream: ByteStream, o: { readonly isPart: boolean; readonly archive: string }) {
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
    if (end < 0 && this.#early.length < limits.maxReadingLineBytes) return undefined;
    if (end < 0) throw new HoldfastError('request.invalid', { message: 'The executor did not say what follows.' });
    const what = 'The beginning of a download';
    const head = parseMessage(contentsHead, parseJsonText(this.#early.toString('utf8', 0, end), what), what);
    this.#stream.begin(this.#headOf(head));
    return this.#early.subarray(end + 1);
  }

  #headOf({ kind, name, sizeBytes = 0, from = 0, to = -1 }: ContentsHead): Parameters<ByteStream['begin']>[0] {
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
