import { z } from 'zod';
import { entityId, snapshotId } from '../names.ts';
import { archiveFormat, listing, readingLine } from '../reading.ts';
import { route } from '../route.ts';
import { byId } from './parts.ts';

/** Shorter than in a body: it has to stand in a URL. */
const text = z.string().min(1).max(4096);

/** What is in snapshots, as a stream: the executor of the repository reads it, and the server passes it on. */
export const readingRoutes = {
  readSnapshots: route('readSnapshots', 'POST', '/api/v1/repositories/{id}/read', {
    access: 'restores.run',
    summary: 'Lists, searches, compares or counts snapshots, as lines of JSON',
    tag: 'restore',
    audited: ['what', 'snapshotId', 'snapshotIds', 'before', 'after', 'root', 'folders', 'patterns'],
    params: byId,
    body: listing,
    bytes: 'application/x-ndjson',
    /** Of each line that is not empty. */
    response: readingLine,
  }),
  downloadContents: route('downloadContents', 'GET', '/api/v1/repositories/{id}/snapshots/{snapshotId}/contents', {
    access: 'restores.run',
    stepUp: true,
    summary: 'A file of a snapshot, also a part of it by Range, or a folder as an archive',
    tag: 'restore',
    params: z.strictObject({ id: entityId, snapshotId }),
    query: z.strictObject({
      path: text.default('/'),
      /** The folder where paths begin, those in an archive as well. */
      root: text.default('/'),
      /** Of a folder. */
      archive: archiveFormat.default('zip'),
    }),
    bytes: 'application/octet-stream',
    response: z.string(),
  }),
} as const;
