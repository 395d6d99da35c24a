import type { SameFolder } from '@holdfast/native';
import {
  decodeTree,
  encodeTree,
  isObjectId,
  type Node,
  type ObjectId,
  parseObjectId,
} from '@holdfast/repository/format';
import type { FoundFolder } from './backup-jobs.ts';
import type { NodeText } from './node-text.ts';

const treeStart = '{"nodes":[';
const nodeStart = '{"name":"';
const treeEnd = ']}\n';
/** Behind the id of a folder's tree. */
const folderEnd = '"}';
const idSizeBytes = 32;
const idChars = 2 * idSizeBytes;
const [quote, comma, bracket, bracketEnd, brace] = [0x22, 0x2c, 0x5b, 0x5d, 0x7d];

const hexValue = Uint8Array.from({ length: 256 }, (_, char) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(char));
  return value < 0 ? 0xff : value;
});

/** A range of the text of a folder of the parent snapshot: nodes that stay as they are. */
export interface KeptText {
  readonly start: number;
  end: number;
}

/**
 * A folder of the parent snapshot, compared as text: a node that would be written exactly as it stands there needs neither
 * be parsed nor be made again, which is nearly all of the work of a backup without changes.
 */
export class ParentFolder {
  readonly #text: Buffer;
  /** Where the next node begins if everything up to now was asked for in order. */
  #next: number;
  /** Whether every node before `#next` was found unchanged, in order. */
  #inOrder = true;
  #startOf: Map<string, number> | undefined;
  #starts: number[] = [];
  readonly #id = new Uint8Array(idSizeBytes);

  /** @param tree looked into until the folder is done @throws repository.damaged when it is no tree */
  constructor(tree: Uint8Array) {
    const text = Buffer.from(tree.buffer, tree.byteOffset, tree.byteLength);
    const first = text.toString('latin1', 0, treeStart.length + nodeStart.length);
    const asWritten =
      text.toString('latin1', text.length - treeEnd.length) === treeEnd &&
      (first === treeStart + nodeStart || (first === treeStart + treeEnd && text.length === first.length));
    // A program that writes trees otherwise: ours means the same.
    this.#text = asWritten ? text : encodeTree(decodeTree(tree));
    this.#next = treeStart.length;
  }

  /** For the comparison in the kernel. */
  get bytes(): Uint8Array {
    return this.#text;
  }

  /** Takes all nodes as unchanged, and gives them in their order: the folders, and the text between them. */
  keepAll({ folders }: SameFolder): (KeptText | FoundFolder)[] {
    const kept: (KeptText | FoundFolder)[] = [];
    const end = this.#text.length - treeEnd.length;
    for (const { nodeAt, treeAt, device } of folders) {
      if (nodeAt > this.#next) kept.push({ start: this.#next, end: nodeAt - 1 });
      const nameAt = nodeAt + nodeStart.length;
      kept.push({
        kind: 'folder',
        name: this.#text.toString('latin1', nameAt, this.#text.indexOf('"', nameAt)),
        json: this.text({ start: nodeAt, end: treeAt }),
        device,
        parentTree: parseObjectId(this.#text.toString('latin1', treeAt, treeAt + idChars), 'The node of a folder'),
        descend: true,
      });
      this.#next = treeAt + idChars + folderEnd.length + 1;
    }
    if (this.#next < end) kept.push({ start: this.#next, end });
    this.#next = end === treeStart.length ? end : end + 1;
    return kept;
  }

  /** Where the node of that name goes on behind this text, or -1 if there is none that begins so. */
  behind(begin: NodeText): number {
    if (begin.isAt(this.#text, this.#next)) return this.#next + begin.length;
    const at = this.#find(begin.name);
    return at !== undefined && begin.isAt(this.#text, at) ? at + begin.length : -1;
  }

  /**
   * The end of a file's node, from the list of its content on, if it is that and all of it is there; -1 otherwise.
   * @param has whether the repository has that blob
   */
  contentEnd(from: number, has: (id: Uint8Array) => boolean): number {
    const text = this.#text;
    if (text[from] !== bracket) return -1;
    let at = from + 1;
    while (text[at] === quote) {
      for (let byte = 0; byte < idSizeBytes; byte += 1) {
        const high = hexValue[text[at + 1 + 2 * byte] ?? 0] ?? 0xff;
        const low = hexValue[text[at + 2 + 2 * byte] ?? 0] ?? 0xff;
        if (high > 15 || low > 15) return -1;
        this.#id[byte] = high * 16 + low;
      }
      at += idChars + 1;
      if (text[at] !== quote || !has(this.#id)) return -1;
      at += 1;
      if (text[at] !== comma || text[at + 1] !== quote) break;
      at += 1;
    }
    return text[at] === bracketEnd ? this.nodeEnd(at + 1) : -1;
  }

  /** The end of a node if nothing but that follows, -1 otherwise. */
  nodeEnd(from: number): number {
    return this.#text[from] === brace ? from + 1 : -1;
  }

  /** Takes the node that ends there as unchanged, and gives its beginning. */
  keep(begin: NodeText, behind: number, end: number): number {
    const start = behind - begin.length;
    if (start !== this.#next) this.#inOrder = false;
    // Behind the last node stands the list's end where a comma stood behind the others.
    this.#next = end + 1;
    return start;
  }

  /** Takes a folder's node as unchanged, and gives the id of its tree; undefined when something else stands there. */
  keepFolder(begin: NodeText, behind: number): ObjectId | undefined {
    const idEnd = behind + idChars;
    const end = this.#text[idEnd] === quote ? this.nodeEnd(idEnd + 1) : -1;
    const id = this.#text.toString('latin1', behind, idEnd);
    if (end < 0 || !isObjectId(id)) return undefined;
    this.keep(begin, behind, end);
    return id;
  }

  /** The node of that name, if there is one. @throws repository.damaged */
  node(name: string): Node | undefined {
    this.#inOrder = false;
    const range = this.#range(name);
    return range && decodeTree(Buffer.from(treeStart + this.text(range) + treeEnd))[0];
  }

  text({ start, end }: KeptText): string {
    return this.#text.toString('utf8', start, end);
  }

  /** True when `keep` was told of all nodes there are, one after the other: the folder is what it was. */
  get allKept(): boolean {
    const end = this.#text.length - treeEnd.length;
    return this.#inOrder && this.#next === (end === treeStart.length ? end : end + 1);
  }

  /** A tree of those nodes that have one of the names. */
  part(names: Iterable<string>): Buffer {
    const texts: string[] = [];
    for (const name of names) {
      const range = this.#range(name);
      if (range !== undefined) texts.push(this.text(range));
    }
    return Buffer.from(treeStart + texts.join(',') + treeEnd);
  }

  #range(name: string): KeptText | undefined {
    const start = this.#find(name);
    if (start === undefined) return undefined;
    const next = this.#starts[lowerBound(this.#starts, start) + 1];
    return { start, end: next === undefined ? this.#text.length - treeEnd.length : next - 1 };
  }

  /** Where the node of that name begins; all are looked up once the order was left. */
  #find(name: string): number | undefined {
    if (this.#startOf === undefined) {
      const startOf = new Map<string, number>();
      const text = this.#text.toString('latin1');
      for (let at = text.indexOf(nodeStart); at >= 0; ) {
        const nameAt = at + nodeStart.length;
        let end = text.indexOf('"', nameAt);
        while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
        // A name without an end, which only a defective program writes: nothing comes behind it.
        if (end < 0) break;
        // An extended attribute begins like a node, but goes on with its value.
        if (text.startsWith('","type":"', end)) {
          startOf.set(text.slice(nameAt, end), at);
          this.#starts.push(at);
        }
        at = text.indexOf(nodeStart, end);
      }
      this.#startOf = startOf;
    }
    return this.#startOf.get(name);
  }
}

/** True for a quote with an odd number of backslashes before it. */
function isEscaped(text: string, quoteAt: number): boolean {
  let slashes = 0;
  while (text[quoteAt - 1 - slashes] === '\\') slashes += 1;
  return slashes % 2 === 1;
}

function lowerBound(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
