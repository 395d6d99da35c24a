import { isUtf8 } from 'node:buffer';
import { escapeJsonLikeGo, goJsonBytes, goJsonString, quoteName } from './go-text.ts';
import type { ObjectId } from './object-id.ts';

export const nodeTypes = ['file', 'dir', 'symlink', 'dev', 'chardev', 'fifo', 'socket', 'irregular'] as const;
export type NodeType = (typeof nodeTypes)[number];

export interface ExtendedAttribute {
  /** Valid UTF-8: others cannot be stored, report them. */
  readonly name: string;
  readonly value: Uint8Array;
}

/**
 * One entry of a folder. Exactly restic's fields (`internal/data/node.go`): others would be lost, or refused, when
 * restic rewrites the tree. Absent is the same as empty or zero, as restic leaves those out.
 */
export interface Node {
  /** Raw bytes as the file system gives them; never empty, '.', '..', or with a '/' or NUL. */
  readonly name: Buffer;
  readonly type: NodeType;
  /** Go's FileMode; see `goFileMode`. */
  readonly mode: number;
  /** RFC 3339 with up to nine digits, as stored; see `formatTime` and `parseTime`. */
  readonly mtime: string;
  readonly atime: string;
  readonly ctime: string;
  readonly uid: number;
  readonly gid: number;
  readonly user?: string | undefined;
  readonly group?: string | undefined;
  readonly inode?: bigint | undefined;
  /** st_dev. restic stores it on everything, or, with its feature `device-id-for-hardlinks`, only where links > 1. */
  readonly deviceId?: bigint | undefined;
  readonly size?: bigint | undefined;
  readonly links?: bigint | undefined;
  /** Raw bytes. */
  readonly linkTarget?: Buffer | undefined;
  readonly extendedAttributes?: readonly ExtendedAttribute[] | undefined;
  /** Of Windows; values are JSON text, kept as it was. */
  readonly genericAttributes?: ReadonlyMap<string, string> | undefined;
  /** st_rdev of devices. */
  readonly device?: bigint | undefined;
  /** The data of a file in order; an empty list for an empty file, null for everything that is not a file. */
  readonly content: readonly ObjectId[] | null;
  /** The tree of a folder. */
  readonly subtree?: ObjectId | undefined;
  readonly error?: string | undefined;
}

/** restic's JSON of a node, byte for byte. */
export function encodeNode(node: Node): string {
  let json = `{"name":${goJsonString(quoteName(node.name))},"type":"${node.type}"`;
  if (node.mode !== 0) json += `,"mode":${node.mode}`;
  json += `,"mtime":"${node.mtime}","atime":"${node.atime}","ctime":"${node.ctime}","uid":${node.uid},"gid":${node.gid}`;
  if (node.user) json += `,"user":${goJsonString(node.user)}`;
  if (node.group) json += `,"group":${goJsonString(node.group)}`;
  if (node.inode) json += `,"inode":${node.inode}`;
  if (node.deviceId) json += `,"device_id":${node.deviceId}`;
  if (node.size) json += `,"size":${node.size}`;
  if (node.links) json += `,"links":${node.links}`;
  if (node.linkTarget && node.linkTarget.byteLength > 0) {
    json += `,"linktarget":${goJsonBytes(node.linkTarget)}`;
    if (!isUtf8(node.linkTarget)) json += `,"linktarget_raw":"${node.linkTarget.toString('base64')}"`;
  }
  if (node.extendedAttributes && node.extendedAttributes.length > 0) {
    const attributes = node.extendedAttributes.map(
      ({ name, value }) =>
        `{"name":${goJsonString(name)},"value":"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}"}`,
    );
    json += `,"extended_attributes":[${attributes.join(',')}]`;
  }
  if (node.genericAttributes && node.genericAttributes.size > 0) {
    const attributes = [...node.genericAttributes]
      .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map(([name, value]) => `${goJsonString(name)}:${escapeJsonLikeGo(value)}`);
    json += `,"generic_attributes":{${attributes.join(',')}}`;
  }
  if (node.device) json += `,"device":${node.device}`;
  json += `,"content":${node.content === null ? 'null' : node.content.length === 0 ? '[]' : `["${node.content.join('","')}"]`}`;
  if (node.subtree) json += `,"subtree":"${node.subtree}"`;
  if (node.error) json += `,"error":${goJsonString(node.error)}`;
  return `${json}}`;
}
