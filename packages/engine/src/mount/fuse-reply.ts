import { mountLimits } from './mount-limits.ts';

/** Answers to the kernel, by linux/fuse.h, version 7.31. */

export const fuseMajor = 7;
/** What we speak; a newer kernel goes down to it. */
const fuseMinor = 31;
/** Since Linux 3.15: the answer to INIT has had its present length since. */
export const oldestFuseMinor = 23;

const flags = {
  asyncRead: 1 << 0,
  doReaddirPlus: 1 << 13,
  readdirPlusAuto: 1 << 14,
  parallelDirectoryOperations: 1 << 18,
  abortError: 1 << 21,
  maxPages: 1 << 22,
} as const;
const wanted = Object.values(flags).reduce((sum, flag) => sum | flag, 0);

/** Open answers: the kernel keeps what it has read. */
export const keepCache = 1 << 1;
export const cacheFolder = 1 << 3;

/** What stat(2) shows. */
export interface Facts {
  readonly ino: bigint;
  readonly sizeBytes: bigint;
  /** st_mode with its type. */
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  /** st_rdev of devices. */
  readonly device: bigint;
  /** Nanoseconds since 1970. */
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** How long the kernel may believe all this. */
  readonly validSeconds: number;
}

export function replyHead(unique: bigint, o: { readonly errno: number; readonly payloadBytes: number }): Buffer {
  const head = Buffer.allocUnsafe(16);
  head.writeUInt32LE(16 + o.payloadBytes, 0);
  head.writeInt32LE(-o.errno, 4);
  head.writeBigUInt64LE(unique, 8);
  return head;
}

export function encodeInit(kernel: {
  readonly minor: number;
  readonly maxReadAhead: number;
  readonly flags: number;
}): Buffer {
  const reply = Buffer.alloc(64);
  reply.writeUInt32LE(fuseMajor, 0);
  reply.writeUInt32LE(Math.min(kernel.minor, fuseMinor), 4);
  reply.writeUInt32LE(kernel.maxReadAhead, 8);
  reply.writeUInt32LE((kernel.flags & wanted) >>> 0, 12);
  reply.writeUInt16LE(mountLimits.maxBackground, 16);
  reply.writeUInt16LE(mountLimits.congestionThreshold, 18);
  reply.writeUInt32LE(mountLimits.writeMaxBytes, 20);
  reply.writeUInt32LE(1, 24);
  reply.writeUInt16LE(mountLimits.readMaxPages, 28);
  return reply;
}

/** The answer to a kernel of another major version, which then asks again with ours. */
export function encodeInitVersion(): Buffer {
  const reply = Buffer.alloc(64);
  reply.writeUInt32LE(fuseMajor, 0);
  reply.writeUInt32LE(fuseMinor, 4);
  return reply;
}

const attrBytes = 88;
const entryBytes = 40 + attrBytes;
const blockBytes = 512n;

export function encodeFacts(facts: Facts): Buffer {
  const reply = Buffer.alloc(16 + attrBytes);
  reply.writeBigUInt64LE(BigInt(facts.validSeconds), 0);
  writeAttr(reply, 16, facts);
  return reply;
}

export function encodeEntry(nodeId: number, facts: Facts): Buffer {
  const reply = Buffer.alloc(entryBytes);
  writeEntry(reply, 0, nodeId, facts);
  return reply;
}

/** `There is nothing of that name`, which the kernel may believe for a while. */
export function encodeNoEntry(validSeconds: number): Buffer {
  const reply = Buffer.alloc(entryBytes);
  reply.writeBigUInt64LE(BigInt(validSeconds), 16);
  return reply;
}

function writeEntry(into: Buffer, at: number, nodeId: number, facts: Facts): void {
  into.writeBigUInt64LE(BigInt(nodeId), at);
  into.writeBigUInt64LE(BigInt(facts.validSeconds), at + 16);
  into.writeBigUInt64LE(BigInt(facts.validSeconds), at + 24);
  writeAttr(into, at + 40, facts);
}

function writeAttr(into: Buffer, at: number, facts: Facts): void {
  into.writeBigUInt64LE(facts.ino, at);
  into.writeBigUInt64LE(facts.sizeBytes, at + 8);
  into.writeBigUInt64LE((facts.sizeBytes + blockBytes - 1n) / blockBytes, at + 16);
  for (const [number, timeNs] of [facts.atimeNs, facts.mtimeNs, facts.ctimeNs].entries()) {
    const nanos = ((timeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    into.writeBigInt64LE((timeNs - nanos) / 1_000_000_000n, at + 24 + number * 8);
    into.writeUInt32LE(Number(nanos), at + 48 + number * 4);
  }
  into.writeUInt32LE(facts.mode, at + 60);
  into.writeUInt32LE(facts.links, at + 64);
  into.writeUInt32LE(facts.uid, at + 68);
  into.writeUInt32LE(facts.gid, at + 72);
  // The kernel's own packing is that of the lower half of st_rdev.
  into.writeUInt32LE(Number(facts.device & 0xffffffffn), at + 76);
  into.writeUInt32LE(4096, at + 80);
}

export function encodeOpen(handle: number, openFlags: number): Buffer {
  const reply = Buffer.alloc(16);
  reply.writeBigUInt64LE(BigInt(handle), 0);
  reply.writeUInt32LE(openFlags, 8);
  return reply;
}

/** Nothing is free in what cannot be written. */
export function encodeStatfs(): Buffer {
  const reply = Buffer.alloc(80);
  reply.writeUInt32LE(4096, 40);
  reply.writeUInt32LE(mountLimits.nameMaxBytes, 44);
  reply.writeUInt32LE(4096, 48);
  return reply;
}

/** The size of an attribute, for who asks with size 0. */
export function encodeAttributeSize(sizeBytes: number): Buffer {
  const reply = Buffer.alloc(8);
  reply.writeUInt32LE(sizeBytes, 0);
  return reply;
}

/** An entry of a folder as READDIR lists it, and for READDIRPLUS all that LOOKUP would say. */
export interface FolderEntry {
  readonly name: Buffer;
  readonly ino: bigint;
  /** st_mode; only its type is used. */
  readonly mode: number;
}

/** Fills one answer with entries, as many as fit. */
export class FolderPage {
  readonly #bytes: Buffer;
  readonly #plus: boolean;
  #length = 0;

  constructor(o: { readonly sizeBytes: number; readonly plus: boolean }) {
    this.#bytes = Buffer.alloc(Math.min(o.sizeBytes, mountLimits.readMaxPages * 4096));
    this.#plus = o.plus;
  }

  fits(name: Buffer): boolean {
    return this.#length + this.#sizeOf(name) <= this.#bytes.length;
  }

  /** `next` is where reading goes on after this entry. Without `lookup` READDIRPLUS says nothing more of it. */
  add(entry: FolderEntry, next: number, lookup?: { readonly nodeId: number; readonly facts: Facts }): void {
    let at = this.#length;
    if (this.#plus) {
      if (lookup !== undefined) writeEntry(this.#bytes, at, lookup.nodeId, lookup.facts);
      at += entryBytes;
    }
    this.#bytes.writeBigUInt64LE(entry.ino, at);
    this.#bytes.writeBigUInt64LE(BigInt(next), at + 8);
    this.#bytes.writeUInt32LE(entry.name.length, at + 16);
    this.#bytes.writeUInt32LE((entry.mode >> 12) & 0o17, at + 20);
    this.#bytes.set(entry.name, at + 24);
    this.#length += this.#sizeOf(entry.name);
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #sizeOf(name: Buffer): number {
    return (this.#plus ? entryBytes : 0) + Math.ceil((24 + name.length) / 8) * 8;
  }
}
