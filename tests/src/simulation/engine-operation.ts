import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { backup } from '@holdfast/engine/backup';
import { lockWaitsMs, type Operation } from './operations.ts';
import type { Source } from './sources.ts';

/** The real engine's backup, with its threads, of real files below the folder. Thirty times as slow as the others. */
export function engineBackup(base: string): Operation {
  return {
    name: 'engine backup',
    weight: 4,
    run: async ({ process, random, ledger, source }) => {
      const { repository } = process;
      process.unwinds = true;
      const folder = mkdtempSync(join(base, 'source-'));
      try {
        ledger.sources.set(folder, writeFiles(source, folder));
        repository.lockWait = { retryMs: random.pick(lockWaitsMs) };
        const { snapshotId, problemCount } = await process.world.compute(() =>
          backup(repository, { sources: [folder], workers: 1 + random.below(2), parent: 'auto', packSizeBytes: 4096 }),
        );
        if (problemCount > 0) throw new Error('the engine had problems with a source that is whole');
        // Its threads end in real time, in which others may go on.
        if (!ledger.removed.has(snapshotId)) ledger.reported.add(snapshotId);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

/** Gives the files as a snapshot of the folder has them, path to content. */
function writeFiles({ blobs, files }: Source, folder: string): ReadonlyMap<string, string> {
  const plain = new Map(blobs.map((blob) => [String(blob.id), blob.plain]));
  const written = new Map<string, string>();
  for (const [path, id] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), plain.get(id) ?? '');
    written.set(join(folder, path), id);
  }
  return written;
}
