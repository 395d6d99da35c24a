import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { hashesInLanes } from '@holdfast/native';
import { initRepository, type Repository } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { type DataSet, type DataSetName, type DataSetSizes, makeDataSet } from '../data/data-set.ts';
import { filesBelow, settleDisk, warm, warmAttributes } from '../data/page-cache.ts';
import { limitReadBytes } from '../limits.ts';
import { repositoryPassword } from '../place.ts';
import type { MachineLimit } from '../report/run-record.ts';
import type { Row, Step } from '../rows.ts';
import type { FilePart, Hashing, LimitJob, LimitKind, StoredPack, WorkerMessage } from './limit-job.ts';

export interface LimitOptions {
  readonly rows: readonly Row[];
  readonly sizes: DataSetSizes;
  /** The best of so many counts: a limit is what can be reached. */
  readonly repeats: number;
  readonly workFolder: string;
  readonly dataFolder: string;
  readonly signal: AbortSignal;
  readonly onLimit: (limit: MachineLimit) => void;
}

/** Steps that have a limit, and the work it consists of. What needs the kind before it comes after it. */
const kinds: readonly { readonly step: Step; readonly kind: LimitKind }[] = [
  { step: 'backup', kind: 'backup' },
  { step: 'no-change', kind: 'scan' },
  { step: 'one-percent', kind: 'read again' },
  { step: 'restore', kind: 'restore' },
  { step: 'check', kind: 'check' },
];

/** What all cores together can do of the work of each local row, and nothing else; with each way of hashing. */
export async function measureLimits(options: LimitOptions): Promise<readonly MachineLimit[]> {
  const local = options.rows.filter(({ scenario }) => !scenario.remote && !scenario.prepared);
  const folder = join(options.workFolder, 'limits');
  const limits: MachineLimit[] = [];
  mkdirSync(folder, { recursive: true });
  try {
    const target = await openLocalDisk({ path: join(folder, 'repository'), create: true });
    const repository = await initRepository(target, { password: repositoryPassword, signal: options.signal });
    for (const name of new Set(local.map(({ scenario }) => scenario.dataSet)))
      limits.push(...(await limitsOfDataSet({ ...options, rows: local, name, folder, repository })));
    return limits;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function limitsOfDataSet(
  o: LimitOptions & { readonly name: DataSetName; readonly folder: string; readonly repository: Repository },
): Promise<readonly MachineLimit[]> {
  const rows = o.rows.filter(({ scenario }) => scenario.dataSet === o.name);
  const dataSet = makeDataSet(o.name, o.sizes, o.dataFolder);
  const needsPacks = rows.some(({ step }) => step === 'restore' || step === 'check');
  const times = new Map<LimitKind, Partial<Record<Hashing, number>>>();
  const ways: readonly Hashing[] = hashesInLanes() ? ['one by one', 'lanes'] : ['one by one'];
  for (const hashing of ways) {
    let packs: readonly StoredPack[] = [];
    for (const { step, kind } of kinds) {
      const wanted = rows.some((row) => row.step === step) || (kind === 'backup' && needsPacks);
      if (!wanted) continue;
      o.signal.throwIfAborted();
      const results = [];
      for (let time = 0; time < o.repeats; time += 1) {
        if (kind === 'backup') rmSync(join(o.folder, 'packs'), { recursive: true, force: true });
        const result = await measureOne({ ...o, kind, hashing, dataSet, packs });
        if (kind === 'backup') packs = result.packs;
        results.push(result.wallMs);
      }
      times.set(kind, { ...times.get(kind), [hashing]: Math.min(...results) });
    }
    rmSync(join(o.folder, 'packs'), { recursive: true, force: true });
  }
  return rows.flatMap((row) => {
    const kind = kinds.find(({ step }) => step === row.step)?.kind;
    const found = kind && times.get(kind);
    const oneByOneMs = found?.['one by one'];
    if (oneByOneMs === undefined) return [];
    const limit = { row: row.id, oneByOneMs, lanesMs: found?.lanes };
    o.onLimit(limit);
    return [limit];
  });
}

async function measureOne(o: {
  readonly kind: LimitKind;
  readonly hashing: Hashing;
  readonly dataSet: DataSet;
  readonly packs: readonly StoredPack[];
  readonly folder: string;
  readonly repository: Repository;
  readonly signal: AbortSignal;
}): Promise<{ readonly wallMs: number; readonly packs: readonly StoredPack[] }> {
  const { kind, hashing, dataSet, packs, repository } = o;
  const packFolder = join(o.folder, 'packs');
  const source = kind === 'read again' ? (dataSet.changed ?? dataSet.folder) : dataSet.folder;
  mkdirSync(packFolder, { recursive: true });
  const files = kind === 'scan' ? foldersBelow(source) : [...filesBelow(source)];
  const restored = join(o.folder, 'restored');
  if (kind === 'restore') makeEmptyFiles(files, source, restored);
  settleDisk();
  if (kind === 'scan') warmAttributes(source);
  else warm(kind === 'check' || kind === 'restore' ? packFolder : source);
  const job: LimitJob = {
    kind,
    hashing,
    key: repository.masterKey,
    gear: repository.gearTable(),
    next: new Int32Array(new SharedArrayBuffer(4)),
    paths: kind === 'restore' ? files.map((path) => restored + path.slice(source.length)) : files,
    reads: kind === 'backup' || kind === 'read again' ? planReads(files) : [],
    packs,
    folder: packFolder,
  };
  try {
    return await runWorkers(job);
  } finally {
    rmSync(restored, { recursive: true, force: true });
  }
}

/** Making names is not of this limit's primitives; all programs have to do it. */
function makeEmptyFiles(files: readonly string[], source: string, restored: string): void {
  for (const path of files) {
    const to = restored + path.slice(source.length);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, '');
  }
}

function foldersBelow(folder: string): string[] {
  const folders = [folder];
  // The list grows while it is gone through.
  for (const one of folders)
    for (const entry of readdirSync(one, { withFileTypes: true }))
      if (entry.isDirectory()) folders.push(join(one, entry.name));
  return folders;
}

/** Large files in pieces, small ones together, so that each read is about as much as the product takes at once. */
function planReads(files: readonly string[]): readonly (readonly FilePart[])[] {
  const reads: FilePart[][] = [];
  let current: FilePart[] = [];
  let filled = 0;
  const close = (): void => {
    if (current.length > 0) reads.push(current);
    current = [];
    filled = 0;
  };
  for (const [file, path] of files.entries()) {
    const { size } = statSync(path);
    for (let offset = 0; offset < size; ) {
      const length = Math.min(size - offset, limitReadBytes);
      // Few enough that the last core does not work alone for long.
      if (filled + length > limitReadBytes || current.length >= smallFilesAtOnce) close();
      current.push({ file, offset, length });
      filled += length;
      offset += length;
    }
  }
  close();
  return reads;
}

const smallFilesAtOnce = 256;

async function runWorkers(job: LimitJob): Promise<{ readonly wallMs: number; readonly packs: readonly StoredPack[] }> {
  const workers = Array.from(
    { length: availableParallelism() },
    () => new Worker(new URL('./limit-worker.ts', import.meta.url), { workerData: job }),
  );
  try {
    const messages = workers.map((worker) => messagesOf(worker));
    for (const next of messages) await next();
    const startedAt = performance.now();
    for (const worker of workers) worker.postMessage('start');
    const packs: StoredPack[] = [];
    for (const next of messages) {
      const message = await next();
      if (message.kind === 'failed') throw new Error(`the limit of ${job.kind}: ${message.message}`);
      if (message.kind === 'done') packs.push(...message.packs);
    }
    return { wallMs: performance.now() - startedAt, packs };
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Messages of a worker one after the other; rejects when it fails. */
function messagesOf(worker: Worker): () => Promise<WorkerMessage> {
  const queue: WorkerMessage[] = [];
  let wake = Promise.withResolvers<undefined>();
  worker.on('message', (message: WorkerMessage) => {
    queue.push(message);
    wake.resolve(undefined);
  });
  worker.once('error', (error) => {
    queue.push({ kind: 'failed', message: String(error) });
    wake.resolve(undefined);
  });
  return async () => {
    for (;;) {
      const first = queue.shift();
      if (first) return first;
      wake = Promise.withResolvers<undefined>();
      await wake.promise;
    }
  };
}
