import { type Document, isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { maxAliases, maxTopologyBytes } from './limits.ts';
import type { Problems } from './problems.ts';

export type Path = readonly PropertyKey[];

/** A YAML file whose values know where they stand. */
export class Source {
  readonly file: string;
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #problems: Problems;

  private constructor(o: { file: string; document: Document.Parsed; lines: LineCounter; problems: Problems }) {
    this.file = o.file;
    this.#document = o.document;
    this.#lines = o.lines;
    this.#problems = o.problems;
  }

  /** Reads a file and adds what is wrong with it as YAML. Undefined when there is nothing to go on with. */
  static read(o: {
    readonly file: string;
    readonly bytes: Uint8Array;
    readonly problems: Problems;
  }): { source: Source; value: unknown } | undefined {
    const { file, bytes, problems } = o;
    const give = (message: string, at: { line: number; col: number } = { line: 1, col: 1 }): undefined => {
      problems.add({ file, line: at.line, column: at.col, message });
    };
    if (bytes.length > maxTopologyBytes)
      return give(
        `the file has ${bytes.length} bytes; a topology has at most ${maxTopologyBytes}. Prefixes stand for many computers in one entry.`,
      );
    const text = decode(bytes);
    if (text === undefined) return give('this is not a text file in UTF-8');
    if (text.trim() === '') return give('the file is empty');
    const lines = new LineCounter();
    let document: Document.Parsed;
    try {
      // Duplicate keys are found below: the parser compares each key with all before it.
      document = parseDocument(text, {
        lineCounter: lines,
        prettyErrors: false,
        uniqueKeys: false,
        stringKeys: true,
        schema: 'core',
        logLevel: 'silent',
      });
    } catch (error) {
      if (error instanceof RangeError) return give('the values are nested too deeply');
      throw error;
    }
    const source = new Source({ file, document, lines, problems });
    for (const error of [...document.errors, ...document.warnings]) give(error.message, lines.linePos(error.pos[0]));
    if (document.errors.length > 0) return undefined;
    const before = problems.isEmpty;
    if (!source.#checkNodes(document.contents)) return undefined;
    if (document.contents === null) return give('the file holds nothing but comments');
    if (!isMap(document.contents)) return give('a topology is a mapping: zones:, hosts:, neighbours: …');
    if (before && !problems.isEmpty) return undefined;
    return { source, value: document.toJS({ maxAliasCount: maxAliases }) };
  }

  /** Adds a problem at a value, or at the key that leads to it. */
  report(path: Path, message: string, at: 'key' | 'value' = 'value'): void {
    if (this.#problems.isFull) return;
    const { line, col } = this.#lines.linePos(this.#offset(path, at));
    this.#problems.add({ file: this.file, line, column: col, message });
  }

  /** `topology.yaml:4:3`. */
  place(path: Path): string {
    const { line, col } = this.#lines.linePos(this.#offset(path, 'key'));
    return `${this.file}:${line}:${col}`;
  }

  #offset(path: Path, at: 'key' | 'value'): number {
    let node: unknown = this.#document.contents;
    let offset = startOf(node) ?? 0;
    for (const [index, part] of path.entries()) {
      const target = isAlias(node) ? node.resolve(this.#document) : node;
      const isLast = index === path.length - 1;
      if (isMap(target)) {
        const pair = target.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
        if (!pair) break;
        offset = startOf((isLast && at === 'key') || pair.value === null ? pair.key : pair.value) ?? offset;
        node = pair.value;
      } else if (isSeq(target)) {
        node = target.items[Number(part)];
        offset = startOf(node) ?? offset;
      } else break;
    }
    return offset;
  }

  /** Duplicate keys, and aliases that lead nowhere or are too many. False when the values must not be unfolded. */
  #checkNodes(root: unknown): boolean {
    const problems = this.#problems;
    const anchors = new Set<string>();
    let aliases = 0;
    let isSafe = true;
    const report = (node: unknown, message: string): void => {
      const { line, col } = this.#lines.linePos(startOf(node) ?? 0);
      problems.add({ file: this.file, line, column: col, message });
    };
    const pending: unknown[] = [root];
    while (pending.length > 0) {
      const node = pending.pop();
      if (isAlias(node)) {
        aliases += 1;
        if (!anchors.has(node.source)) {
          report(node, `there is no anchor &${node.source} before this alias`);
          isSafe = false;
        }
        if (aliases === maxAliases + 1) {
          report(node, `more than ${maxAliases} aliases: write the values out, or give them to a zone`);
          return false;
        }
        continue;
      }
      if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined) anchors.add(node.anchor);
      if (isMap(node)) {
        const seen = new Map<string, unknown>();
        for (const { key } of node.items) {
          const name = isScalar(key) ? String(key.value) : '';
          const earlier = seen.get(name);
          if (earlier)
            report(
              key,
              `${JSON.stringify(name)} appears twice; first in line ${this.#lines.linePos(startOf(earlier) ?? 0).line}`,
            );
          else seen.set(name, key);
        }
        for (const pair of node.items.toReversed()) pending.push(pair.value, pair.key);
      } else if (isSeq(node)) pending.push(...node.items.toReversed());
      else if (isPair(node)) pending.push(node.value, node.key);
    }
    return isSafe;
  }
}

function startOf(node: unknown): number | undefined {
  return (node as Partial<Node> | null | undefined)?.range?.[0];
}

/** Undefined for anything but UTF-8 text. */
function decode(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}
