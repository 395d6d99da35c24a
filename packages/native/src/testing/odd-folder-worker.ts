import fs from 'node:fs';
import { detachMount, mountFuse, waitReadable } from '../fuse.ts';

/**
 * Serves a folder of empty files by FUSE (linux/fuse.h), in a process of its own, because who asks waits for the answer. Names are
 * found in any case, and its list breaks off once, after the first entry.
 */

const [mountPoint = '', ...names] = process.argv.slice(2);
const { O_NONBLOCK, O_RDWR } = fs.constants;
const rootNode = 1;
const firstNode = 2;
const operations = { lookup: 1, forget: 2, facts: 3, listAttributes: 23, init: 26, openFolder: 27, readFolder: 28 };
const unanswered: ReadonlySet<number> = new Set([operations.forget, 36, 42]);
const [noEntry, ioError, notKnown] = [2, 5, 38];

let isBroken = true;

/** struct fuse_attr. */
function facts(node: number): Buffer {
  const attributes = Buffer.alloc(88);
  attributes.writeBigUInt64LE(BigInt(node), 0);
  for (const at of [24, 32, 40]) attributes.writeBigUInt64LE(1_700_000_000n, at);
  attributes.writeUInt32LE(node === rootNode ? 0o040755 : 0o100644, 60);
  attributes.writeUInt32LE(1, 64);
  return attributes;
}

function entry(at: number, name: string): Buffer {
  const head = Buffer.alloc(24);
  head.writeBigUInt64LE(BigInt(firstNode + at), 0);
  head.writeBigUInt64LE(BigInt(at + 1), 8);
  head.writeUInt32LE(name.length, 16);
  return Buffer.concat([head, Buffer.from(name), Buffer.alloc((8 - (name.length % 8)) % 8)]);
}

/** What is told, or the number of an error. */
function answer(operation: number, node: number, body: Buffer): Buffer | number {
  switch (operation) {
    case operations.init: {
      const reply = Buffer.alloc(64);
      for (const [at, value] of [7, 31, 4096, 0, 0, 4096, 1].entries()) reply.writeUInt32LE(value, at * 4);
      return reply;
    }
    case operations.lookup: {
      const wanted = body.toString('latin1', 0, body.indexOf(0)).toLowerCase();
      const at = names.findIndex((name) => name.toLowerCase() === wanted);
      if (at < 0) return noEntry;
      const reply = Buffer.alloc(40);
      reply.writeBigUInt64LE(BigInt(firstNode + at), 0);
      return Buffer.concat([reply, facts(firstNode + at)]);
    }
    case operations.facts:
      return Buffer.concat([Buffer.alloc(16), facts(node)]);
    case operations.readFolder: {
      const from = Number(body.readBigUInt64LE(8));
      if (from === 1 && isBroken) {
        isBroken = false;
        return ioError;
      }
      const listed = from === 0 ? names.slice(0, 1) : names.slice(from);
      return Buffer.concat(listed.map((name, at) => entry(from + at, name)));
    }
    case operations.openFolder:
      return Buffer.alloc(16);
    case operations.listAttributes:
      return Buffer.alloc(0);
    default:
      return notKnown;
  }
}

const fd = fs.openSync('/dev/fuse', O_RDWR | O_NONBLOCK);
const rights = { userId: 0, groupId: 0, allowOther: false, defaultPermissions: false };
mountFuse({ mountPoint, fd, source: 'odd', subtype: 'odd', ...rights });
fs.writeSync(1, 'mounted\n');
const request = Buffer.alloc(256 * 1024);
for (const asker = process.ppid; process.ppid === asker; ) {
  if (!waitReadable(fd, 1000)) continue;
  const length = fs.readSync(fd, request);
  const operation = request.readUInt32LE(4);
  if (unanswered.has(operation)) continue;
  const told = answer(operation, Number(request.readBigUInt64LE(16)), request.subarray(40, length));
  const payload = typeof told === 'number' ? Buffer.alloc(0) : told;
  const head = Buffer.alloc(16);
  head.writeUInt32LE(16 + payload.length, 0);
  head.writeInt32LE(typeof told === 'number' ? -told : 0, 4);
  request.copy(head, 8, 8, 16);
  fs.writeSync(fd, Buffer.concat([head, payload]));
}
detachMount(mountPoint);
