import type { SameFolder } from '@holdfast/native';
import { goJsonString, type Node, type ObjectId, quoteName } from '@holdfast/repository/format';
import { limits } from '../limits.ts';
import type { Change, FolderToScan, FoundFile, FoundFolder, ScannedFolder } from './backup-jobs.ts';
import type { BlobStore } from './blob-store.ts';
import type { NodeText } from './node-text.ts';
import type { KeptText, ParentFolder } from './parent-folder.ts';

/** Larger trees (files of terabytes have long lists of content) are put together in pieces, by the other thread. */
const maxTreeChars = 16 * 1024 * 1024;

type Piece = string | KeptText | FoundFolder | FoundFile;

/** What was found in one folder, while it grows. */
export class FolderScan {
  readonly folder: FolderToScan;
  readonly parent: ParentFolder | undefined;
  /** Of the folder's file system; undefined for what the person named. */
  device: bigint | undefined;
  failed = false;
  /** Nothing was found yet that differs from the parent snapshot. */
  same = true;
  readonly #found: Piece[] = [];
  /** Folders and large files, which are not done here. */
  #open = 0;
  #rest: ScannedFolder['rest'] = [];

  constructor(folder: FolderToScan, parent: ParentFolder | undefined) {
    this.folder = folder;
    this.parent = parent;
    this.device = folder.device;
  }

  /** A node that contains nothing. */
  node(text: NodeText): void {
    if (this.#keep(text, (parent, behind) => parent.nodeEnd(behind))) return;
    this.same = false;
    this.#found.push(`${text.toString()}}`);
  }

  /** Takes a file as it is in the parent snapshot, if it is there and the repository has all of it. */
  unchangedFile(text: NodeText, has: (id: Uint8Array) => boolean): boolean {
    return this.#keep(text, (parent, behind) => parent.contentEnd(behind, has));
  }

  /** Takes the whole folder as it is in the parent snapshot. */
  unchanged(same: SameFolder): void {
    this.#open += same.folders.length;
    this.#found.push(...(this.parent?.keepAll(same) ?? []));
  }

  /** What has that name in the parent snapshot. */
  parentNode(text: NodeText): Node | undefined {
    return this.parent?.node(text.name);
  }

  /** Takes a file's JSON up to its content, and gives the function that puts it in its place when that is known. */
  file(json: string): (content: readonly ObjectId[]) => void {
    this.same = false;
    const at = this.#found.push('') - 1;
    return (content) => {
      this.#found[at] = content.length === 0 ? `${json}[]}` : `${json}["${content.join('","')}"]}`;
    };
  }

  largeFile(node: Node, change: Change): void {
    this.same = false;
    this.#open += 1;
    this.#found.push({ kind: 'file', node, change });
  }

  subfolder(text: NodeText, more: Pick<FoundFolder, 'name' | 'device' | 'descend'>): void {
    const behind = this.parent?.behind(text) ?? -1;
    let parentTree = behind < 0 ? undefined : this.parent?.keepFolder(text, behind);
    if (parentTree === undefined) {
      this.same = false;
      const before = this.parentNode(text);
      if (before?.type === 'dir') parentTree = before.subtree;
    }
    this.#open += 1;
    this.#found.push({ kind: 'folder', json: text.toString(), parentTree, ...more });
  }

  /** Names that this job did not come to, in pieces for other jobs. */
  leave(names: readonly string[]): void {
    const rest: Pick<FolderToScan, 'names' | 'parent'>[] = [];
    for (let start = 0; start < names.length; start += limits.entriesPerJob) {
      const part = names.slice(start, start + limits.entriesPerJob);
      const bytes = this.parent?.part(part.map(nameInTree));
      rest.push({ names: part, parent: bytes && { kind: 'plain', bytes } });
    }
    this.#rest = rest;
  }

  result(store: BlobStore): ScannedFolder | 'unchanged' {
    const { folder, failed } = this;
    const whole = folder.names === undefined && this.#rest.length === 0 && !failed;
    const same = whole && this.same && this.parent?.allKept === true;
    // A folder without folders inside or large files is done here: less to tell the other thread.
    const done = whole && this.#open === 0;
    if (done && same && folder.parent?.kind === 'sealed') return 'unchanged';
    const isTree = done && this.#chars() < maxTreeChars;
    const found = this.#joined();
    const rest = this.#rest;
    if (!isTree) return { found, rest, same, tree: undefined, failed };
    const nodes = found.filter((piece) => typeof piece === 'string');
    return { found: [], rest, same, tree: store.storeTree(Buffer.from(`{"nodes":[${nodes.join(',')}]}\n`)), failed };
  }

  #keep(text: NodeText, endOf: (parent: ParentFolder, behind: number) => number): boolean {
    if (this.parent === undefined) return false;
    const behind = this.parent.behind(text);
    const end = behind < 0 ? -1 : endOf(this.parent, behind);
    if (end < 0) return false;
    const start = this.parent.keep(text, behind, end);
    const last = this.#found.at(-1);
    if (typeof last === 'object' && 'end' in last && last.end + 1 === start) last.end = end;
    else this.#found.push({ start, end });
    return true;
  }

  #chars(): number {
    return this.#found.reduce((sum, piece) => {
      if (typeof piece === 'string') return sum + piece.length;
      return 'end' in piece ? sum + piece.end - piece.start : sum;
    }, 0);
  }

  /** Nodes in a row become one text: fewer pieces for the other thread. */
  #joined(): (string | FoundFolder | FoundFile)[] {
    const joined: (string | FoundFolder | FoundFile)[] = [];
    let texts: string[] = [];
    let chars = 0;
    const flush = (): void => {
      if (texts.length > 0) joined.push(texts.join(','));
      texts = [];
      chars = 0;
    };
    for (const piece of this.#found) {
      if (typeof piece !== 'string' && 'kind' in piece) {
        flush();
        joined.push(piece);
        continue;
      }
      if (chars > maxTreeChars) flush();
      const text = typeof piece === 'string' ? piece : (this.parent?.text(piece) ?? '');
      texts.push(text);
      chars += text.length;
    }
    flush();
    return joined;
  }
}

/** A name as it stands in a tree, without its quotes, one character for each byte. */
function nameInTree(name: string): string {
  const json = goJsonString(quoteName(Buffer.from(name, 'latin1'))).slice(1, -1);
  return Buffer.from(json).toString('latin1');
}
