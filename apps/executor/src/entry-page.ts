import { limits, type SnapshotEntry } from '@holdfast/protocol/executor';
import type { Node } from '@holdfast/repository';

/** Collects one page of entries, bounded by count and by size. */
export class EntryPage {
  readonly entries: SnapshotEntry[] = [];
  #toSkip: number;
  #left: number;
  #bytes = 0;

  constructor(o: { skip: number; limit: number }) {
    this.#toSkip = o.skip;
    this.#left = o.limit;
  }

  /** False when the page is full, and the entry is one of the next. */
  add(path: Buffer, node: Node): boolean {
    if (this.#toSkip > 0) {
      this.#toSkip -= 1;
      return true;
    }
    const entry = entryOf(path, node);
    this.#bytes += Buffer.byteLength(JSON.stringify(entry));
    if (this.#left === 0 || (this.entries.length > 0 && this.#bytes > limits.maxPageBytes)) return false;
    this.#left -= 1;
    this.entries.push(entry);
    return true;
  }
}

function entryOf(path: Buffer, node: Node): SnapshotEntry {
  return {
    path: path.toString(),
    type: node.type,
    modifiedAt: node.mtime,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    ...(node.size === undefined ? {} : { sizeBytes: Number(node.size) }),
    ...(node.user ? { user: node.user } : {}),
    ...(node.group ? { group: node.group } : {}),
    ...(node.linkTarget === undefined ? {} : { linkTarget: node.linkTarget.toString() }),
  };
}
