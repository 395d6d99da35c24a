import { HoldfastError } from '@holdfast/core';
import { unquoteName } from './go-text.ts';
import { isRecord } from './json-record.ts';
import { type ExtendedAttribute, encodeNode, type Node, type NodeType, nodeTypes } from './node.ts';
import { isObjectId } from './object-id.ts';
import { isTime } from './rfc3339.ts';

/** A folder: its entries, strictly ascending by the raw bytes of their names. */
export type Tree = readonly Node[];

/** Text is collected in pieces of this size: a string of a very wide folder would exceed V8's limit. */
const pieceChars = 1024 * 1024;

/** Builds the bytes of a tree from nodes that come in order, keeping only bytes. */
export class TreeEncoder {
  #pieces: Buffer[] = [];
  #text = '{"nodes":[';
  #last: Buffer | undefined;

  /** @throws internal.unexpected when the name does not come after the one before. */
  add(node: Node): void {
    if (this.#last !== undefined && Buffer.compare(this.#last, node.name) >= 0)
      throw new HoldfastError('internal.unexpected', {
        message: `The entries of a folder must be in order: ${JSON.stringify(node.name.toString())} comes too late.`,
      });
    if (this.#last !== undefined) this.#text += ',';
    this.#last = node.name;
    this.#text += encodeNode(node);
    if (this.#text.length > pieceChars) this.#flush();
  }

  finish(): Buffer {
    this.#text += ']}\n';
    this.#flush();
    return this.#pieces.length === 1 && this.#pieces[0] ? this.#pieces[0] : Buffer.concat(this.#pieces);
  }

  #flush(): void {
    this.#pieces.push(Buffer.from(this.#text));
    this.#text = '';
  }
}

/** restic's bytes of a tree; nodes must be in order. Their hash is the tree's id. */
export function encodeTree(nodes: Iterable<Node>): Buffer {
  const encoder = new TreeEncoder();
  for (const node of nodes) encoder.add(node);
  return encoder.finish();
}

/** Numbers that a double cannot hold have at least sixteen digits. They follow a field's name or stand in a list; ids are text and don't count. */
const hasLongNumber = /[:,[]\s*\d{16}/;

interface ReviverContext {
  readonly source?: string;
}

/** JSON.parse with integers kept as bigints where a double would corrupt them (inodes, device numbers). */
function parseExactly(json: string): unknown {
  if (!hasLongNumber.test(json)) return JSON.parse(json);
  const reviver = (_key: string, value: unknown, context?: ReviverContext): unknown =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^\d+$/.test(context?.source ?? '')
      ? BigInt(context?.source ?? '')
      : value;
  return JSON.parse(json, reviver);
}

/**
 * Reads a tree. Names that could lead out of their folder are refused, as is every field of a wrong type; unknown
 * fields are ignored. The order is left to `firstOutOfOrder`: old programs made trees out of order.
 * @throws repository.damaged
 */
export function decodeTree(plain: Uint8Array): Node[] {
  let value: unknown;
  try {
    value = parseExactly(Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength).toString('utf8'));
  } catch (cause) {
    throw new HoldfastError('repository.damaged', { message: 'A tree is not JSON.', cause });
  }
  const nodes = isRecord(value) ? (value['nodes'] ?? []) : undefined;
  if (!Array.isArray(nodes)) throw malformed('it has no list of nodes');
  return nodes.map(decodeNode);
}

/** The first name that does not come after the one before it, if any. */
export function firstOutOfOrder(tree: Tree): Buffer | undefined {
  return tree.find((node, at) => {
    const before = tree[at - 1];
    return before !== undefined && Buffer.compare(before.name, node.name) >= 0;
  })?.name;
}

/** A name that stays inside its folder. */
export function isSafeName(name: Uint8Array): boolean {
  if (name.byteLength === 0 || name.includes(0x2f) || name.includes(0)) return false;
  return !(name[0] === 0x2e && (name.byteLength === 1 || (name.byteLength === 2 && name[1] === 0x2e)));
}

function decodeNode(value: unknown): Node {
  if (!isRecord(value)) throw malformed('an entry is no object');
  const quoted = value['name'];
  if (typeof quoted !== 'string') throw malformed('an entry has no name');
  const name = unquoteName(quoted);
  if (!isSafeName(name)) throw malformed(`the name ${JSON.stringify(quoted.slice(0, 200))} is not allowed`);
  const field = new Fields(value, quoted);
  const type = value['type'];
  if (!isNodeType(type)) throw field.wrong('type');
  const content = value['content'] ?? null;
  if (content !== null && !(Array.isArray(content) && content.every(isObjectId))) throw field.wrong('content');
  const subtree = value['subtree'] ?? undefined;
  if (subtree !== undefined && !isObjectId(subtree)) throw field.wrong('subtree');
  return {
    name,
    type,
    mode: field.uint32('mode'),
    mtime: field.time('mtime'),
    atime: field.time('atime'),
    ctime: field.time('ctime'),
    uid: field.uint32('uid'),
    gid: field.uint32('gid'),
    user: field.text('user'),
    group: field.text('group'),
    inode: field.uint64('inode'),
    deviceId: field.uint64('device_id'),
    size: field.uint64('size'),
    links: field.uint64('links'),
    linkTarget: field.linkTarget(),
    extendedAttributes: field.extendedAttributes(),
    genericAttributes: field.genericAttributes(),
    device: field.uint64('device'),
    content,
    subtree,
    error: field.text('error'),
  };
}

const emptyTime = '0001-01-01T00:00:00Z';
const maxUint64 = 2n ** 64n - 1n;

/** Reads the fields of one node; each says which field of which entry is wrong. */
class Fields {
  readonly #node: Record<string, unknown>;
  readonly #name: string;

  constructor(node: Record<string, unknown>, name: string) {
    this.#node = node;
    this.#name = name;
  }

  wrong(field: string): HoldfastError {
    return malformed(`the field ${field} of the entry ${JSON.stringify(this.#name.slice(0, 200))} is wrong`);
  }

  uint32(field: string): number {
    const value = this.#node[field] ?? 0;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffffffff)
      throw this.wrong(field);
    return value;
  }

  uint64(field: string): bigint | undefined {
    const value = this.#node[field];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'bigint' ? value > maxUint64 : !(Number.isSafeInteger(value) && Number(value) >= 0))
      throw this.wrong(field);
    return typeof value === 'bigint' ? value : BigInt(Number(value));
  }

  text(field: string): string | undefined {
    const value = this.#node[field];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'string') throw this.wrong(field);
    return value;
  }

  time(field: string): string {
    const value = this.text(field) ?? emptyTime;
    if (!isTime(value)) throw this.wrong(field);
    return value;
  }

  bytes(value: unknown, field: string): Buffer {
    if (value === null || value === undefined) return Buffer.alloc(0);
    if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) throw this.wrong(field);
    return Buffer.from(value, 'base64');
  }

  linkTarget(): Buffer | undefined {
    const raw = this.#node['linktarget_raw'];
    if (raw !== undefined && raw !== null) return this.bytes(raw, 'linktarget_raw');
    const text = this.text('linktarget');
    return text === undefined ? undefined : Buffer.from(text);
  }

  extendedAttributes(): ExtendedAttribute[] | undefined {
    const field = 'extended_attributes';
    const value = this.#node[field];
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value)) throw this.wrong(field);
    return value.map((attribute: unknown) => {
      if (!isRecord(attribute) || typeof attribute['name'] !== 'string') throw this.wrong(field);
      return { name: attribute['name'], value: this.bytes(attribute['value'], field) };
    });
  }

  genericAttributes(): Map<string, string> | undefined {
    const value = this.#node['generic_attributes'];
    if (value === undefined || value === null) return undefined;
    if (!isRecord(value)) throw this.wrong('generic_attributes');
    try {
      return new Map(Object.entries(value).map(([name, part]) => [name, stringifyExactly(part)]));
    } catch (error) {
      // Nested so deeply that it fits no stack.
      if (error instanceof RangeError) throw this.wrong('generic_attributes');
      throw error;
    }
  }
}

declare global {
  interface JSON {
    /** In Node since 21, not yet in TypeScript's library: a value that is written as this text. */
    rawJSON(text: string): unknown;
  }
}

/** The opposite of `parseExactly`. */
function stringifyExactly(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? JSON.rawJSON(String(part)) : part));
}

function isNodeType(value: unknown): value is NodeType {
  return nodeTypes.some((type) => type === value);
}

function malformed(detail: string): HoldfastError {
  return new HoldfastError('repository.damaged', { message: `A tree is malformed: ${detail}.` });
}
