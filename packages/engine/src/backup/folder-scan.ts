import type { ErrorReport, HoldfastError } from '@holdfast/core';
import { encodeNode, goJsonString, isObjectId, type Node, type ObjectId, quoteName } from '@holdfast/repository';
import { limits } from '../limits.ts';
import type { Change, FoundFile, FoundFolder, ScanJob, ScanResult } from './backup-jobs.ts';
import type { BlobStore } from './blob-store.ts';
import { contentOf, type ParentFolder } from './parent-folder.ts';

/** Larger trees (files of terabytes have long lists of content) are put together in pieces, by the other thread. */
const maxTreeChars = 16 * 1024 * 1024;
/** The end of the JSON of a file without content. */
const noContent = '[]}';

/** The result of one job while it grows. */
export class FolderScan {
  readonly job: ScanJob;
  /** Of the folder's file system; undefined for what the person named. */
  device: bigint | undefined;
  parent: ParentFolder | undefined;
  bytesRead = 0;
  failed = false;
  /** Nothing was found yet that differs from the parent snapshot. */
  same = true;
  #found: (string | FoundFolder | FoundFile)[] = [];
  #pieces = 0;
  #rest: ScanResult['rest'] = [];
  readonly #problems: ErrorReport[] = [];
  readonly #files: Record<Change, number> = { new: 0, changed: 0, unmodified: 0 };
  #bytesDone = 0;

  constructor(job: ScanJob) {
    this.job = job;
    this.device = job.device;
  }

  report(found: HoldfastError): void {
    this.#problems.push(found.toJSON());
  }

  node(node: Node): void {
    const json = encodeNode(node);
    // Its node has no end that could differ.
    if (this.parent?.restOf(nameIn(json), json.slice(0, -1)) !== '}') this.same = false;
    this.#found.push(json);
  }

  /** The content of the file whose node, but for that, is the same in the parent snapshot. */
  unchangedContent(json: string): ObjectId[] | undefined {
    const rest = this.parent?.restOf(nameIn(json), json.slice(0, -noContent.length));
    return rest === undefined ? undefined : contentOf(rest);
  }

  /** What has the name of that node in the parent snapshot. */
  parentNode(json: string): Node | undefined {
    return this.parent?.node(nameIn(json));
  }

  /** Takes a file's JSON without content, and gives the function that puts it in its place when that is known. */
  file(
    json: string,
    { change, sizeBytes }: { readonly change: Change; readonly sizeBytes: bigint },
  ): (content: readonly ObjectId[]) => void {
    this.#files[change] += 1;
    this.#bytesDone += Number(sizeBytes);
    const at = this.#found.push('') - 1;
    return (content) => {
      this.#found[at] = content.length === 0 ? json : `${json.slice(0, -noContent.length)}["${content.join('","')}"]}`;
    };
  }

  largeFile(node: Node, change: Change): void {
    this.#pieces += 1;
    this.#found.push({ kind: 'file', node, change });
  }

  folder(node: Node, options: { readonly device: bigint; readonly descend: boolean }): void {
    const json = folderJson(node);
    const name = nameIn(json);
    const subtree = this.parent?.restOf(name, json)?.slice(0, -'"}'.length);
    const unchanged = isObjectId(subtree);
    if (!unchanged) this.same = false;
    const before = unchanged ? undefined : this.parent?.node(name);
    this.#pieces += 1;
    this.#found.push({
      kind: 'folder',
      name: node.name,
      json,
      device: options.device,
      parentTree: unchanged ? subtree : before?.type === 'dir' ? before.subtree : undefined,
      descend: options.descend,
    });
  }

  /** Names that this job did not come to, in pieces for other jobs. */
  leave(names: readonly Buffer[]): void {
    const rest: Pick<ScanJob, 'names' | 'parent'>[] = [];
    for (let start = 0; start < names.length; start += limits.entriesPerJob) {
      const part = names.slice(start, start + limits.entriesPerJob);
      const bytes = this.parent?.part(part.map((name) => goJsonString(quoteName(name)).slice(1, -1)));
      rest.push({ names: packNames(part), parent: bytes && { kind: 'plain', bytes } });
    }
    this.#rest = rest;
  }

  result(store: BlobStore): ScanResult {
    const whole = this.job.names === undefined && this.#rest.length === 0 && !this.failed;
    const same = whole && this.same && this.parent?.allFound === true;
    // A folder without folders inside or large files is done here: less to tell the other thread.
    const tree = whole && this.#pieces === 0 && this.#chars() < maxTreeChars ? this.#tree(store, same) : undefined;
    return {
      kind: 'scan',
      found: tree === undefined ? joinTexts(this.#found) : [],
      rest: this.#rest,
      same,
      tree,
      problems: this.#problems,
      failed: this.failed,
      files: this.#files,
      bytesDone: this.#bytesDone,
      bytesRead: this.bytesRead,
      stored: store.takeStored(),
    };
  }

  #chars(): number {
    return this.#found.reduce((sum, piece) => sum + (typeof piece === 'string' ? piece.length : 0), 0);
  }

  #tree(store: BlobStore, same: boolean): ObjectId {
    const { parent } = this.job;
    if (same && parent?.kind === 'sealed') return parent.id;
    const nodes = this.#found.filter((piece) => typeof piece === 'string');
    return store.storeTree(Buffer.from(`{"nodes":[${nodes.join(',')}]}\n`));
  }
}

/** The name in the JSON of a node as it stands there, without its quotes. */
function nameIn(json: string): string {
  return json.slice('{"name":"'.length, json.indexOf('","type":"'));
}

/** Nodes in a row become one text: fewer pieces for the other thread. */
function joinTexts(found: readonly (string | FoundFolder | FoundFile)[]): (string | FoundFolder | FoundFile)[] {
  const joined: (string | FoundFolder | FoundFile)[] = [];
  let texts: string[] = [];
  let chars = 0;
  const flush = (): void => {
    if (texts.length > 0) joined.push(texts.join(','));
    texts = [];
    chars = 0;
  };
  for (const piece of found) {
    if (typeof piece === 'string') {
      if (chars > maxTreeChars) flush();
      texts.push(piece);
      chars += piece.length;
    } else {
      flush();
      joined.push(piece);
    }
  }
  flush();
  return joined;
}

/** A folder's node up to the place of its tree's id, which is its last field. */
export function folderJson(node: Node): string {
  return `${encodeNode(node).slice(0, -1)},"subtree":"`;
}

export function packNames(names: readonly Buffer[]): Uint8Array {
  const packed = new Uint8Array(names.reduce((size, name) => size + name.length + 1, 0));
  let at = 0;
  for (const name of names) {
    packed.set(name, at);
    at += name.length + 1;
  }
  return packed;
}
