import { ContentsSink, type Listing, reportOf } from '@holdfast/protocol';
import { requireSnapshot } from '../catalogue/require-snapshot.ts';
import type { RepositoryQueries } from '../maintenance/repository-queries.ts';
import { parseRange } from './byte-stream.ts';
import type { RestHandlers } from './rest-app.ts';

/** What the executor reads, passed on as it comes. */
export function readingHandlers(o: {
  queries: RepositoryQueries;
}): Pick<RestHandlers, 'readSnapshots' | 'downloadContents'> {
  const { queries } = o;
  return {
    readSnapshots: async ({ scope, params, body, signal }, stream) => {
      for (const snapshotId of snapshotsOf(body)) await requireSnapshot(scope, { id: params.id, snapshotId });
      const sink = async (bytes: Buffer, needed: AbortSignal): Promise<void> => {
        if (!stream.hasBegun) stream.begin({ status: 200, headers: { 'content-type': 'application/x-ndjson' } });
        await stream.write(bytes, needed);
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
      await queries.read(scope, { repositoryId: id, reading, signal, sink: sink.take.bind(sink) });
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
