import { decodeTree, encodeTree, isObjectId, type Node, type ObjectId } from '@holdfast/repository';

const treeStart = '{"nodes":[';
const nodeStart = '{"name":"';
const treeEnd = ']}\n';
const idChars = 64;

/**
 * A folder of the parent snapshot, compared as text: a node that would be written exactly as it stands there needs neither
 * be parsed nor be made again, which is nearly all of the work of a backup without changes.
 */
export class ParentFolder {
  readonly #text: string;
  /** Where the next node begins if everything up to now was asked for in order. */
  #next: number;
  /** Whether every node before `#next` was found unchanged, in order. */
  #inOrder = true;
  #startOf: Map<string, number> | undefined;
  #starts: number[] = [];

  /** @throws repository.damaged when it is no tree */
  constructor(tree: Uint8Array) {
    const text = Buffer.from(tree.buffer, tree.byteOffset, tree.byteLength).toString();
    const asWritten =
      text.endsWith(treeEnd) && (text.startsWith(treeStart + nodeStart) || text === treeStart + treeEnd);
    // A program that writes trees otherwise: ours means the same.
    this.#text = asWritten ? text : encodeTree(decodeTree(tree)).toString();
    this.#next = treeStart.length;
  }

  /**
   * The rest of the node that begins with this text, from there on to its end, or undefined if there is none. `name` is the
   * name as JSON has it, without quotes.
   */
  restOf(name: string, begin: string): string | undefined {
    const at = this.#text.startsWith(begin, this.#next) ? this.#next : this.#find(name);
    if (at === undefined || !this.#text.startsWith(begin, at)) return undefined;
    const end = this.#endOf(at + begin.length);
    if (end === undefined) return undefined;
    if (at === this.#next) this.#next = end + 1;
    else this.#inOrder = false;
    return this.#text.slice(at + begin.length, end);
  }

  /** The node of that name, if there is one. @throws repository.damaged */
  node(name: string): Node | undefined {
    this.#inOrder = false;
    const text = this.#nodeText(name);
    return text === undefined ? undefined : decodeTree(Buffer.from(treeStart + text + treeEnd))[0];
  }

  /** True when `restOf` has found all nodes there are, one after the other: the folder is what it was. */
  get allFound(): boolean {
    // Behind the last node stands the list's end where a comma stood behind the others.
    const end = this.#text.length - treeEnd.length;
    return this.#inOrder && this.#next === (end === treeStart.length ? end : end + 1);
  }

  /** A tree of those nodes that have one of the names. */
  part(names: Iterable<string>): Buffer {
    const texts: string[] = [];
    for (const name of names) {
      const text = this.#nodeText(name);
      if (text !== undefined) texts.push(text);
    }
    return Buffer.from(treeStart + texts.join(',') + treeEnd);
  }

  #nodeText(name: string): string | undefined {
    const at = this.#find(name);
    if (at === undefined) return undefined;
    const next = this.#starts[lowerBound(this.#starts, at) + 1];
    return this.#text.slice(at, next === undefined ? this.#text.length - treeEnd.length : next - 1);
  }

  /** Where the node of that name begins; all are looked up once the order was left. */
  #find(name: string): number | undefined {
    if (this.#startOf === undefined) {
      const startOf = new Map<string, number>();
      const text = this.#text;
      for (let at = text.indexOf(nodeStart); at >= 0; ) {
        const nameAt = at + nodeStart.length;
        let end = text.indexOf('"', nameAt);
        while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
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

  /** The end of a node, from within the list of its content or the id of its subtree on. */
  #endOf(at: number): number | undefined {
    const end = this.#text.indexOf('}', at);
    return end < 0 ? undefined : end + 1;
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

/** The ids of a node's content, from what follows `"content":` in it; undefined when that is something else. */
export function contentOf(rest: string): ObjectId[] | undefined {
  if (rest === '[]}') return [];
  if (!rest.startsWith('["') || !rest.endsWith('"]}')) return undefined;
  const ids: ObjectId[] = [];
  for (let at = 2; at < rest.length; at += idChars + 3) {
    const id = rest.slice(at, at + idChars);
    if (!isObjectId(id)) return undefined;
    ids.push(id);
  }
  return ids;
}
