import { HoldfastError } from '@holdfast/core';
import {
  type ContentsHead,
  contentsHead,
  type Listing,
  limits,
  parseJsonText,
  parseMessage,
  reportOf,
} from '@holdfast/protocol';
import { requireSnapshot } from '../catalogue/require-snapshot.ts';
import type { RepositoryQueries } from '../maintenance/repository-queries.ts';
import { attachment, type ByteStream, parseRange } from './byte-stream.ts';
import type { RestHandlers } from './rest-app.ts';

/** What the executor reads, passed on as it comes. */
export function readingHandlers(o: {
  queries: RepositoryQueries;
}): Pick<RestHandlers, 'readSnapshots' | 'downloadContents'> {
  const { queries } = o;
  return {
    readSnapshots: async ({ scope, params, body, signal }, stream) => {
      for (const snapshotId of snapshotsOf(body)) await requireSnapshot(scope, { id: params.id, snapshotId });
      const sink = async (bytes: Buffer): Promise<void> => {
        if (!stream.hasBegun) stream.begin({ status: 200, headers: { 'content-type': 'application/x-ndjson' } });
        await stream.write(bytes);
      };
      try {
        await queries.read(scope, { repositoryId: params.id, reading: body, signal, sink });
      } catch (error) {
        // Lines have gone out: the last one says why no others follow.
        if (stream.hasBegun && !signal.aborted)
          stream.endWith(Buffer.from(`${JSON.stringify({ kind: 'failed', problem: reportOf(error) })}\n`));
        throw error;
      }
    },
    downloadContents: async ({ scope, params, query, range, note, signal }, stream) => {
      const { id, snapshotId } = params;
      const { path, root, archive } = query;
      note({ subject: id, details: { snapshotId, root, path, archive } });
      await requireSnapshot(scope, params);
      const part = parseRange(range);
      const sink = new ContentsSink(stream, { isPart: part !== undefined, archive });
      const reading = {
        what: 'contents',
        snapshotId,
        root,
        path,
        archive,
        from: part?.from ?? 0,
        to: part?.to,
      } as const;
      await queries.read(scope, { repositoryId: id, reading, signal, sink: (bytes) => sink.take(bytes) });
      note({ details: { bytes: sink.bytes } });
    },
  };
}

function snapshotsOf(listing: Listing): readonly string[] {
  switch (listing.what) {
    case 'list':
      return [listing.snapshotId];
    case 'diff':
      return [listing.before.snapshotId, listing.after.snapshotId];
    default:
      return listing.snapshotIds;
  }
}

/** Turns the line that comes first into the head of the answer. */
class ContentsSink {
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

  async take(bytes: Buffer): Promise<void> {
    const body = this.#stream.hasBegun ? bytes : this.#begin(bytes);
    if (body === undefined) return;
    this.bytes += body.length;
    await this.#stream.write(body);
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
