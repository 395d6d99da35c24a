import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  parseDocument,
} from 'yaml';
import { maxAliases, maxDepth } from './limits.ts';
import type { Problems } from './problems.ts';
import { nestedTooDeeply, type Path, type Source, type SourceForm } from './source.ts';

interface Parsed {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
}

/** A YAML file whose values know where they stand. */
export class YamlSource implements Source {
  readonly file: string;
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #problems: Problems;

  private constructor(o: { file: string; parsed: Parsed; problems: Problems }) {
    this.file = o.file;
    this.#document = o.parsed.document;
    this.#lines = o.parsed.lines;
    this.#problems = o.problems;
  }

  /** Reads a file and adds what is wrong with it as YAML. Undefined when there is nothing to go on with. */
  static read(o: {
    readonly file: string;
    readonly bytes: Uint8Array;
    readonly form: SourceForm;
    readonly problems: Problems;
  }): { source: YamlSource; value: unknown } | undefined {
    const { file, bytes, form, problems } = o;
    const give = (message: string, at: { line: number; col: number } = { line: 1, col: 1 }): undefined => {
      problems.add({ file, at: { line: at.line, column: at.col }, message });
    };
    if (bytes.length > form.maxBytes)
      return give(`the file has ${bytes.length} bytes; a ${form.noun} has at most ${form.maxBytes}. ${form.hint}`);
    const text = decode(bytes);
    if (text === undefined) return give('this is not a text file in UTF-8');
    if (text.trim() === '') return give('the file is empty');
    const excess = firstExcess(text, form);
    if (excess) {
      const { offset, message } = excess;
      const line = text.slice(0, offset).split('\n').length;
      return give(message, { line, col: offset - text.lastIndexOf('\n', offset - 1) });
    }
    const parsed = parsedFrom(text);
    const { document, lines } = parsed;
    const source = new YamlSource({ file, parsed, problems });
    for (const error of [...document.errors, ...document.warnings]) {
      const isDeep = error.message.startsWith('Maximum call stack');
      const isSecond = error.code === 'MULTIPLE_DOCS';
      const message = isSecond ? `a second document begins here: a file holds one ${form.noun}` : error.message;
      give(isDeep ? nestedTooDeeply : message, lines.linePos(error.pos[0]));
      if (isDeep) break;
    }
    if (document.errors.length > 0) return undefined;
    if (!source.#checkNodes(document.contents)) return undefined;
    if (document.contents === null) return give('the file holds nothing but comments');
    if (!isMap(document.contents)) return give(`a ${form.noun} is a mapping: ${form.outline}`);
    try {
      return { source, value: document.toJS({ maxAliasCount: maxAliases }) };
    } catch (error) {
      // The parser's own guard against aliases of aliases of aliases.
      if (error instanceof ReferenceError)
        return give(`the aliases unfold to more than ${maxAliases} times their values`);
      throw error;
    }
  }

  report(path: Path, message: string | (() => string), at: 'key' | 'value' = 'value'): void {
    // What the message costs (looking for what was meant among all names) is not spent on what nobody will see.
    if (this.#problems.isFull) return;
    const { line, col } = this.#lines.linePos(this.#offset(path, at));
    const text = typeof message === 'string' ? message : message();
    this.#problems.add({ file: this.file, at: { line, column: col }, message: text });
  }

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
      problems.add({ file: this.file, at: { line, column: col }, message });
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
          report(node, `more than ${maxAliases} aliases: write the values out`);
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
          if (name === '__proto__') report(key, `${name} can't be a name`);
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

function parsedFrom(text: string): Parsed {
  const lines = new LineCounter();
  // Duplicate keys are found later: the parser compares each key with all before it.
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    stringKeys: true,
    schema: 'core',
    // Anything quieter would also hide a second document.
    logLevel: 'error',
  });
  return { document, lines };
}

/**
 * Where the tokens show that the file is beyond a limit, before the parser spends its time and memory on it: it would follow
 * values within each other by recursion. Undefined: nowhere.
 */
function firstExcess(
  text: string,
  { counted }: SourceForm,
): { readonly offset: number; readonly message: string } | undefined {
  // Reading the tokens takes a fifth of the time of parsing; few files could be beyond a limit.
  const isEntryKey = (word: string): boolean => word === counted?.key || word.slice(1, -1) === counted?.key;
  if (!mayBeDeep(text) && !(counted && mayHaveMore(text, counted))) return undefined;
  let flow = 0;
  let onLine = 0;
  let entries = 0;
  let offset = 0;
  let before = '';
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') flow += 1;
    else if (token === ']' || token === '}') flow -= 1;
    else if (token === '-' || token === '?' || token === ':') onLine += flow === 0 ? 1 : 0;
    else if (token === '\n' || token === '\r\n') onLine = 0;
    if (token === ':' && isEntryKey(before)) entries += 1;
    if (flow > maxDepth || onLine > maxDepth) return { offset, message: nestedTooDeeply };
    if (counted && entries > counted.most) return { offset: offset - before.length, message: counted.message };
    // Marks of the lexer's own are no part of the text.
    if (/^[\u0002\u0018\u001f]/.test(token)) continue;
    offset += token.length;
    before = token;
  }
  return undefined;
}

/** The word may stand elsewhere, too. */
function mayHaveMore(text: string, { key, most }: { readonly key: string; readonly most: number }): boolean {
  let count = 0;
  for (let at = text.indexOf(key); at !== -1 && count <= most; at = text.indexOf(key, at + 1)) count += 1;
  return count > most;
}

/** Brackets in comments and quotes count too. */
function mayBeDeep(text: string): boolean {
  let open = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    open = bracket === '[' || bracket === '{' ? open + 1 : Math.max(0, open - 1);
    if (open > maxDepth) return true;
  }
  return /^[ \t]*(?:[-?:][ \t]+){50}/m.test(text);
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
