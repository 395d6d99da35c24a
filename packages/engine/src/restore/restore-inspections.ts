import { plainLength } from '@holdfast/repository';
import { limits } from '../limits.ts';
import { reason } from '../problem.ts';
import type { TargetFolder, TargetFolders } from './restore-folders.ts';
import { type Inspection, type Outcome, type RestoreJob, restored } from './restore-jobs.ts';
import { failedOutcome, type RestoredFile } from './restore-state.ts';
import type { RestoreThreads } from './restore-threads.ts';

interface InspectOptions {
  readonly pool: RestoreThreads;
  readonly folders: TargetFolders;
  readonly signal: AbortSignal;
  readonly mode: Extract<RestoreJob, { kind: 'inspect' }>['mode'];
}

/** Has the threads look at files that may be there. One outcome for each, in their order. */
export async function inspectFiles(files: readonly RestoredFile[], o: InspectOptions): Promise<Outcome[]> {
  const outcomes = new Array<Outcome>(files.length).fill(restored);
  const jobs = o.pool.size + limits.restoreExtraJobs;
  const parts = splitFiles(files, jobs).values();
  // Each of these takes the next part when it is done with one.
  const serve = async (): Promise<void> => {
    for (const part of parts) {
      o.signal.throwIfAborted();
      await inspectPart(part, o, outcomes);
    }
  };
  await Promise.all(Array.from({ length: jobs }, serve));
  return outcomes;
}

interface NumberedFile {
  readonly number: number;
  readonly file: RestoredFile;
}

async function inspectPart(part: readonly NumberedFile[], o: InspectOptions, outcomes: Outcome[]): Promise<void> {
  const pinned: TargetFolder[] = [];
  const numbers: number[] = [];
  const inspections: Inspection[] = [];
  try {
    for (const { number, file } of part) {
      const { folder } = file;
      try {
        const handle = o.folders.pin(folder);
        const path = handle.path(file.name).toString('latin1');
        pinned.push(folder);
        const { ownGroup, inheritsAcls } = folder;
        inspections.push({
          item: { path, folder: handle.fd, attributes: file.attributes, ownGroup, inheritsAcls },
          blobs: file.content.map((id, at) => ({ id, sizeBytes: sizeOf(file, at) })),
          linked: file.linked,
        });
        numbers.push(number);
      } catch (error) {
        outcomes[number] = failedOutcome(`it could not be looked at (${reason(error)})`, error);
      }
    }
    const { others } = await o.pool.run({ kind: 'inspect', mode: o.mode, files: inspections });
    for (const [at, outcome] of others) {
      const number = numbers[at];
      if (number !== undefined) outcomes[number] = outcome;
    }
  } finally {
    for (const folder of pinned) o.folders.unpin(folder);
  }
}

function sizeOf({ places }: RestoredFile, at: number): number {
  const place = places[at];
  return place === undefined ? 0 : plainLength(place);
}

/** Parts of few folders and of about the same size, so that all threads have some. */
function splitFiles(files: readonly RestoredFile[], jobs: number): NumberedFile[][] {
  const maxFolders = Math.max(1, Math.floor(limits.restoreOpenFiles / jobs));
  const parts: NumberedFile[][] = [];
  let part: NumberedFile[] = [];
  let bytes = 0;
  let folders = new Set<TargetFolder>();
  for (const [number, file] of files.entries()) {
    const full =
      part.length >= limits.restoreFilesPerJob || bytes >= limits.restoreBytesPerJob || folders.size >= maxFolders;
    if (full && part.length > 0) {
      parts.push(part);
      part = [];
      bytes = 0;
      folders = new Set();
    }
    part.push({ number, file });
    bytes += file.sizeBytes;
    folders.add(file.folder);
  }
  if (part.length > 0) parts.push(part);
  return parts;
}
