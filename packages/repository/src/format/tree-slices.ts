import type { Node } from './node.ts';
import { decodeTree } from './tree.ts';

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

const head = Buffer.from('{"nodes":[');
const tail = Buffer.from(']}');

/**
 * The entries of a folder by their numbers, without making objects of all of them: of a folder with 100,000 entries a page takes
 * some milliseconds, the whole a second.
 */
export class TreeSlices {
  /** Bytes that it keeps in memory. */
  readonly sizeBytes: number;
  readonly #plain: Buffer;
  /** Where each entry begins, and where the last one ends. */
  readonly #starts: Uint32Array;
  /** Of trees that are not written as restic and we write them. */
  readonly #nodes: readonly Node[] | undefined;

  /** @throws repository.damaged */
  constructor(plain: Uint8Array) {
    this.#plain = Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength);
    const starts = startsOf(this.#plain);
    this.#starts = starts ?? new Uint32Array();
    this.#nodes = starts === undefined ? decodeTree(plain) : undefined;
    this.sizeBytes = plain.byteLength + this.#starts.byteLength;
  }

  get count(): number {
    return this.#nodes?.length ?? Math.max(0, this.#starts.length - 1);
  }

  /** Entries from number `from` up to, and without, number `to`. @throws repository.damaged */
  nodes(from: number, to: number): Node[] {
    if (this.#nodes !== undefined) return this.#nodes.slice(from, to);
    const last = Math.min(to, this.count);
    if (from >= last) return [];
    // Without the comma in front of the next.
    const end = (this.#starts[last] ?? 0) - 1;
    return decodeTree(Buffer.concat([head, this.#plain.subarray(this.#starts[from], end), tail]));
  }
}

/** Undefined: not written as we expect it. */
function startsOf(plain: Buffer): Uint32Array | undefined {
  if (!plain.subarray(0, head.length).equals(head)) return undefined;
  let starts = new Uint32Array(1024);
  let count = 0;
  const add = (at: number): void => {
    if (count === starts.length) {
      const larger = new Uint32Array(count * 2);
      larger.set(starts);
      starts = larger;
    }
    starts[count] = at;
    count += 1;
  };
  let depth = 0;
  add(head.length);
  for (let at = head.length; at < plain.length; at += 1) {
    const byte = plain[at];
    if (byte === quote) {
      for (at += 1; at < plain.length && plain[at] !== quote; at += 1) if (plain[at] === backslash) at += 1;
    } else if (byte === openBrace || byte === openBracket) depth += 1;
    else if (byte === closeBrace) depth -= 1;
    else if (byte === closeBracket && depth > 0) depth -= 1;
    else if (byte === closeBracket) {
      // An empty folder has no entry.
      if (at === head.length) return new Uint32Array();
      add(at + 1);
      return starts.slice(0, count);
    } else if (byte === comma && depth === 0) add(at + 1);
  }
  return undefined;
}
