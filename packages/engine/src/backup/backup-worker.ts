import { sha256Each } from '@holdfast/native';
import { serveJobs } from '../threads/worker-side.ts';
import type { BackupAnswer, BackupJob, BackupResult, PackEvent } from './backup-jobs.ts';
import { BlobStore } from './blob-store.ts';
import { FileCounter } from './count-files.ts';
import { LargeFileReader } from './read-large-file.ts';
import { FolderScanner } from './scan-folder.ts';

/** A worker thread of a backup. Everything here is synchronous: a thread does one job at a time, to its end. */

interface Tools {
  readonly store: BlobStore;
  readonly scanner: FolderScanner;
  readonly reader: LargeFileReader;
  readonly counter: FileCounter;
}

let tools: Tools | undefined;

serveJobs<BackupJob, BackupAnswer, PackEvent>((job, emit) => {
  const begunMs = performance.now();
  const result = answer(job, emit);
  const jobMs = performance.now() - begunMs;
  const processingMs = Math.min(jobMs, isOfSource(job) ? (tools?.store.takeProcessingMs() ?? 0) : jobMs);
  return { result: { ...result, spent: { sourceMs: jobMs - processingMs, processingMs } } };
});

/** What of such a job is not processing is looking and reading. */
function isOfSource({ kind }: BackupJob): boolean {
  return kind === 'scan' || kind === 'read' || kind === 'count';
}

function answer(job: BackupJob, emit: (event: PackEvent) => void): BackupResult {
  if (job.kind === 'setup') {
    const store = new BlobStore(job, emit);
    tools = {
      store,
      scanner: new FolderScanner(job, store),
      reader: new LargeFileReader(job, store),
      counter: new FileCounter(job),
    };
    return { kind: 'setup' };
  }
  if (tools === undefined) throw new Error('the thread was given work before its setup');
  const { store, scanner, reader, counter } = tools;
  switch (job.kind) {
    case 'scan':
      return scanner.scan(job);
    case 'count':
      return counter.count(job.folders);
    case 'read':
      return reader.read(job);
    case 'cut':
      return { kind: 'cut', chunks: reader.cut(job.piece, job) };
    case 'chunks': {
      const ids = store.storeData(job.chunks.map((chunk) => reader.chunk(chunk)));
      return { kind: 'chunks', ids, stored: store.takeStored() };
    }
    case 'tree': {
      const id = store.storeTree(job.json);
      return { kind: 'tree', id, stored: store.takeStored() };
    }
    case 'name': {
      const ids = sha256Each(job.packs);
      // Copies of their own: a view would be cloned with all the others.
      return { kind: 'name', ids: job.packs.map((_, at) => new Uint8Array(ids.subarray(at * 32, at * 32 + 32))) };
    }
    case 'flush': {
      const partials = store.flush();
      scanner.end();
      return { kind: 'flush', partials, stored: store.takeStored() };
    }
  }
}
