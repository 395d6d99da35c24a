import { oneLine } from '@holdfast/core';
import type { ListedNode } from '@holdfast/engine';
import { encodeSnapshot, type FoundSnapshot, parseTime, shortId, unixPermissions } from '@holdfast/repository';
import { print, printJson, shownTime } from '../output.ts';
import { goModeText, jsonPath, nodeLine } from './restic-text.ts';
import { snapshotJson } from './snapshot-json.ts';

/** The forms in which `ls` prints a snapshot: restic's. */
export interface ListPrinter {
  begin(found: FoundSnapshot): Promise<void>;
  /** `shown` is false for a folder that only leads to what is listed. */
  node(entry: ListedNode, shown: boolean): Promise<void>;
  /** The folder given last is over. */
  leave(): Promise<void>;
  end(): Promise<void>;
}

const nothing = async (): Promise<void> => {};

interface TextListOptions {
  readonly long?: boolean | undefined;
  readonly humanReadable?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly folders: readonly string[];
}

export class TextList implements ListPrinter {
  readonly #options: TextListOptions;

  constructor(options: TextListOptions) {
    this.#options = options;
  }

  async begin({ id, snapshot }: FoundSnapshot): Promise<void> {
    if (this.#options.quiet) return;
    const { paths, time, username = '', hostname = '' } = snapshot;
    const folders = this.#options.folders.join(' ');
    const made = `at ${shownTime(time)} by ${username}@${hostname}`;
    await print(`${oneLine(`snapshot ${shortId(id)} of [${paths.join(' ')}] ${made} filtered by [${folders}]:`)}\n`);
  }

  async node({ path, node }: ListedNode, shown: boolean): Promise<void> {
    if (shown) await print(`${nodeLine(path, node, this.#options)}\n`);
  }

  readonly leave = nothing;
  readonly end = nothing;
}

export class JsonList implements ListPrinter {
  async begin(found: FoundSnapshot): Promise<void> {
    await printJson({ ...snapshotJson(found), message_type: 'snapshot', struct_type: 'snapshot' });
  }

  async node({ path, node }: ListedNode, shown: boolean): Promise<void> {
    if (!shown) return;
    await printJson({
      name: node.name.toString(),
      type: node.type,
      ...jsonPath(path),
      uid: node.uid,
      gid: node.gid,
      size: node.type === 'file' ? exact(node.size ?? 0n) : undefined,
      mode: node.mode || undefined,
      permissions: goModeText(node.mode),
      mtime: node.mtime,
      atime: node.atime,
      ctime: node.ctime,
      inode: node.inode ? exact(node.inode) : undefined,
      message_type: 'node',
      struct_type: 'node',
    });
  }

  readonly leave = nothing;
  readonly end = nothing;
}

/** The export format of ncdu 2 (https://dev.yorhel.nl/ncdu/jsonfmt), as restic writes it. */
export class NcduList implements ListPrinter {
  readonly #print: (text: string) => Promise<void>;
  #depth = 1;

  constructor(write: (text: string) => Promise<void>) {
    this.#print = write;
  }

  async begin({ snapshot }: FoundSnapshot): Promise<void> {
    await this.#print(`[1, 2, ${encodeSnapshot(snapshot).toString()}, [{"name":"/"}`);
  }

  async node({ node }: ListedNode): Promise<void> {
    const size = node.size ?? 0n;
    const seconds = (parseTime(node.mtime) ?? 0n) / 1_000_000_000n;
    const entry = JSON.stringify({
      name: node.name.toString(),
      asize: exact(size),
      dsize: exact(((size + 511n) / 512n) * 512n),
      dev: exact(node.deviceId ?? 0n),
      ino: exact(node.inode ?? 0n),
      nlink: exact(node.links ?? 0n),
      notreg: node.type !== 'dir' && node.type !== 'file',
      uid: node.uid,
      gid: node.gid,
      mode: unixPermissions(node.mode),
      // ncdu knows no times before 1970.
      mtime: Number(seconds < 0n ? 0n : seconds),
    });
    const indent = '  '.repeat(this.#depth);
    if (node.type !== 'dir') {
      await this.#print(`,\n${indent}${entry}`);
      return;
    }
    this.#depth += 1;
    await this.#print(`,\n${indent}[\n${indent}  ${entry}`);
  }

  async leave(): Promise<void> {
    this.#depth -= 1;
    await this.#print(`\n${'  '.repeat(this.#depth)}]`);
  }

  async end(): Promise<void> {
    await this.#print('\n]\n]\n');
  }
}

/** A number of any size, as Go writes it. */
function exact(value: bigint): unknown {
  return JSON.rawJSON(String(value));
}
