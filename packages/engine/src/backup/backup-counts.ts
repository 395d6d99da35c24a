import type { Change, Stored } from './backup-jobs.ts';

/** What a backup has done so far. */
export class BackupCounts {
  readonly files: Record<Change, number> = { new: 0, changed: 0, unmodified: 0 };
  readonly folders: Record<Change, number> = { new: 0, changed: 0, unmodified: 0 };
  bytesDone = 0;
  bytesRead = 0;
  stored: Stored = { dataBlobs: 0, treeBlobs: 0, bytes: 0, packedBytes: 0 };

  addStored(more: Stored): void {
    this.stored = {
      dataBlobs: this.stored.dataBlobs + more.dataBlobs,
      treeBlobs: this.stored.treeBlobs + more.treeBlobs,
      bytes: this.stored.bytes + more.bytes,
      packedBytes: this.stored.packedBytes + more.packedBytes,
    };
  }
}
