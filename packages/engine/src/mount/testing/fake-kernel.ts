import { FuseSession } from '../fuse-session.ts';
import type { MountFileSystem } from '../mount-file-system.ts';

/** Operations by their numbers in linux/fuse.h. */
export const operations = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  open: 14,
  read: 15,
  statfs: 17,
  release: 18,
  getxattr: 22,
  listxattr: 23,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  access: 34,
  interrupt: 36,
  batchForget: 42,
  readdirplus: 44,
} as const;

export interface Reply {
  readonly errno: number;
  readonly payload: Buffer;
}

export function encodeRequest(o: {
  readonly operation: number;
  readonly unique: bigint;
  readonly nodeId: number | bigint;
  readonly body?: Uint8Array | undefined;
}): Buffer {
  const body = o.body ?? Buffer.alloc(0);
  const bytes = Buffer.alloc(40 + body.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt32LE(o.operation, 4);
  bytes.writeBigUInt64LE(o.unique, 8);
  bytes.writeBigUInt64LE(BigInt(o.nodeId), 16);
  bytes.set(body, 40);
  return bytes;
}

/** 64-bit numbers, one after the other. */
export function words(...values: readonly (number | bigint)[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [at, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), at * 8);
  return bytes;
}

/** Asks a session as the kernel would, without any kernel. */
export class FakeKernel {
  readonly session: FuseSession;
  readonly problems: string[] = [];
  readonly #waiting = new Map<bigint, (reply: Reply) => void>();
  #unique = 0n;

  constructor(fileSystem: MountFileSystem) {
    this.session = new FuseSession({
      fileSystem,
      send: (parts) => this.#take(Buffer.concat(parts)),
      onProblem: (problem) => this.problems.push(problem.code),
    });
  }

  /** Sends a request and gives its number at once, its answer later. */
  ask(
    operation: number,
    nodeId: number,
    body?: Uint8Array,
  ): { readonly unique: bigint; readonly reply: Promise<Reply> } {
    this.#unique += 2n;
    const unique = this.#unique;
    const { promise, resolve } = Promise.withResolvers<Reply>();
    this.#waiting.set(unique, resolve);
    this.session.handle(encodeRequest({ operation, unique, nodeId, body }));
    return { unique, reply: promise };
  }

  async call(operation: number, nodeId: number, body?: Uint8Array): Promise<Reply> {
    return this.ask(operation, nodeId, body).reply;
  }

  /** What has no answer. */
  tell(operation: number, nodeId: number, body: Uint8Array): void {
    this.session.handle(encodeRequest({ operation, unique: 0n, nodeId, body }));
  }

  async lookup(parent: number, name: string | Buffer): Promise<number> {
    const { errno, payload } = await this.call(
      operations.lookup,
      parent,
      Buffer.concat([Buffer.from(name), Buffer.alloc(1)]),
    );
    return errno === 0 ? Number(payload.readBigUInt64LE(0)) : -errno;
  }

  /** The node at a path of names. */
  async walk(...names: readonly (string | Buffer)[]): Promise<number> {
    let node = 1;
    for (const name of names) node = await this.lookup(node, name);
    return node;
  }

  async readFolder(node: number, o: { readonly plus: boolean; readonly pageBytes: number }): Promise<FolderLine[]> {
    const handle = (await this.call(operations.opendir, node, Buffer.alloc(8))).payload.readBigUInt64LE(0);
    const lines: FolderLine[] = [];
    for (let offset = 0n; ; ) {
      const body = Buffer.alloc(40);
      body.set(words(handle, offset));
      body.writeUInt32LE(o.pageBytes, 16);
      const { payload } = await this.call(o.plus ? operations.readdirplus : operations.readdir, node, body);
      if (payload.length === 0) break;
      for (let at = 0; at < payload.length; ) {
        const nodeId = o.plus ? Number(payload.readBigUInt64LE(at)) : 0;
        if (o.plus) at += 128;
        const length = payload.readUInt32LE(at + 16);
        offset = payload.readBigUInt64LE(at + 8);
        lines.push({
          nodeId,
          ino: payload.readBigUInt64LE(at),
          type: payload.readUInt32LE(at + 20),
          name: Buffer.from(payload.subarray(at + 24, at + 24 + length)),
        });
        at += Math.ceil((24 + length) / 8) * 8;
      }
    }
    await this.call(operations.releasedir, node, words(handle, 0, 0));
    return lines;
  }

  async openFile(node: number): Promise<bigint> {
    return (await this.call(operations.open, node, Buffer.alloc(8))).payload.readBigUInt64LE(0);
  }

  read(node: number, handle: bigint, range: { readonly offset: number; readonly size: number }) {
    const body = Buffer.alloc(40);
    body.set(words(handle, range.offset));
    body.writeUInt32LE(range.size, 16);
    return this.ask(operations.read, node, body);
  }

  #take(bytes: Buffer): boolean {
    const unique = bytes.readBigUInt64LE(8);
    const resolve = this.#waiting.get(unique);
    if (resolve === undefined || bytes.readUInt32LE(0) !== bytes.length)
      throw new Error(`an answer that nobody waits for, or of the wrong length: ${bytes.toString('hex')}`);
    this.#waiting.delete(unique);
    resolve({ errno: Math.abs(bytes.readInt32LE(4)), payload: bytes.subarray(16) });
    return true;
  }
}

export interface FolderLine {
  readonly nodeId: number;
  readonly ino: bigint;
  readonly type: number;
  readonly name: Buffer;
}
