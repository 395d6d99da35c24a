/**
 * Requests of the kernel, by linux/fuse.h, version 7.31 (sizes of structures in parentheses there). The device gives one
 * whole request with each read. The numbers are the host's: little-endian on all that we run on.
 */

interface RequestHead {
  readonly unique: bigint;
  /** What the request is about: a number that we gave out, or 1 for the root. */
  readonly nodeId: number;
}

export type FuseRequest = RequestHead &
  (
    | {
        readonly kind: 'init';
        readonly major: number;
        readonly minor: number;
        readonly maxReadAhead: number;
        readonly flags: number;
      }
    | { readonly kind: 'lookup'; readonly name: Buffer }
    | { readonly kind: 'forget'; readonly forgets: readonly { readonly nodeId: number; readonly count: number }[] }
    | { readonly kind: 'interrupt'; readonly interrupted: bigint }
    | { readonly kind: 'open' | 'open folder'; readonly flags: number }
    | { readonly kind: 'read'; readonly handle: number; readonly offset: number; readonly size: number }
    | {
        readonly kind: 'read folder';
        readonly plus: boolean;
        readonly handle: number;
        readonly offset: number;
        readonly size: number;
      }
    | { readonly kind: 'release' | 'release folder'; readonly handle: number }
    | { readonly kind: 'get attribute'; readonly name: Buffer; readonly size: number }
    | { readonly kind: 'list attributes'; readonly size: number }
    | { readonly kind: 'access'; readonly mask: number }
    | { readonly kind: 'get facts' | 'read link' | 'statfs' | 'flush' | 'destroy' }
    /** Would change something. */
    | { readonly kind: 'change' }
    /** Known to nobody here: the kernel does without. */
    | { readonly kind: 'unknown' }
    /** Too short, too long, or without its NUL. */
    | { readonly kind: 'malformed' }
  );

const headBytes = 40;

/** Operations that change something: SETATTR, SYMLINK, MKNOD … */
const changes = new Set([4, 6, 8, 9, 10, 11, 12, 13, 16, 20, 21, 24, 30, 35, 43, 45, 47, 51]);
/** FORGET, INTERRUPT and BATCH_FORGET are never answered. */
const forget = 2;
const interrupt = 36;
const batchForget = 42;

/** Undefined for what has not even a head, and so cannot be answered. Never throws. */
export function parseRequest(bytes: Buffer): FuseRequest | undefined {
  if (bytes.length < headBytes || bytes.readUInt32LE(0) !== bytes.length) return undefined;
  const operation = bytes.readUInt32LE(4);
  const unique = bytes.readBigUInt64LE(8);
  const nodeId = safe(bytes, 16);
  if (nodeId === undefined) return { unique, nodeId: 0, kind: 'malformed' };
  const body = bytes.subarray(headBytes);
  return { unique, nodeId, ...parseBody(operation, nodeId, body) };
}

type Without<T> = T extends unknown ? Omit<T, 'unique' | 'nodeId'> : never;
type FuseBody = Without<FuseRequest>;

const malformed: FuseBody = { kind: 'malformed' };

function parseBody(operation: number, nodeId: number, body: Buffer): FuseBody {
  switch (operation) {
    case 1: {
      const name = text(body);
      return name === undefined || name.length === 0 ? malformed : { kind: 'lookup', name };
    }
    case forget: {
      const count = body.length >= 8 ? safe(body, 0) : undefined;
      return count === undefined ? malformed : { kind: 'forget', forgets: [{ nodeId, count }] };
    }
    case batchForget:
      return parseBatchForget(body);
    case interrupt:
      return body.length < 8 ? malformed : { kind: 'interrupt', interrupted: body.readBigUInt64LE(0) };
    case 3:
      return { kind: 'get facts' };
    case 5:
      return { kind: 'read link' };
    case 14:
    case 27:
      if (body.length < 8) return malformed;
      return { kind: operation === 14 ? 'open' : 'open folder', flags: body.readUInt32LE(0) };
    case 15:
    case 28:
    case 44:
      return parseRead(operation, body);
    case 17:
      return { kind: 'statfs' };
    case 18:
    case 29: {
      const handle = body.length >= 24 ? safe(body, 0) : undefined;
      return handle === undefined ? malformed : { kind: operation === 18 ? 'release' : 'release folder', handle };
    }
    case 22: {
      const name = body.length > 8 ? text(body.subarray(8)) : undefined;
      return name === undefined ? malformed : { kind: 'get attribute', name, size: body.readUInt32LE(0) };
    }
    case 23:
      return body.length < 8 ? malformed : { kind: 'list attributes', size: body.readUInt32LE(0) };
    case 25:
      return { kind: 'flush' };
    case 26:
      if (body.length < 16) return malformed;
      return {
        kind: 'init',
        major: body.readUInt32LE(0),
        minor: body.readUInt32LE(4),
        maxReadAhead: body.readUInt32LE(8),
        flags: body.readUInt32LE(12),
      };
    case 34:
      return body.length < 8 ? malformed : { kind: 'access', mask: body.readUInt32LE(0) };
    case 38:
      return { kind: 'destroy' };
    default:
      return { kind: changes.has(operation) ? 'change' : 'unknown' };
  }
}

function parseRead(operation: number, body: Buffer): FuseBody {
  const handle = body.length >= 40 ? safe(body, 0) : undefined;
  const offset = handle === undefined ? undefined : safe(body, 8);
  if (handle === undefined || offset === undefined) return malformed;
  const size = body.readUInt32LE(16);
  if (operation === 15) return { kind: 'read', handle, offset, size };
  return { kind: 'read folder', plus: operation === 44, handle, offset, size };
}

function parseBatchForget(body: Buffer): FuseBody {
  if (body.length < 8) return malformed;
  const length = body.readUInt32LE(0);
  if (body.length !== 8 + length * 16) return malformed;
  const forgets: { nodeId: number; count: number }[] = [];
  for (let at = 8; at < body.length; at += 16) {
    const nodeId = safe(body, at);
    const count = safe(body, at + 8);
    if (nodeId === undefined || count === undefined) return malformed;
    forgets.push({ nodeId, count });
  }
  return { kind: 'forget', forgets };
}

/** A number that we gave out ourselves: it fits. */
function safe(bytes: Buffer, at: number): number | undefined {
  const value = bytes.readBigUInt64LE(at);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

/** Bytes up to the first NUL, which must be there. A copy, since the request's memory is used again. */
function text(bytes: Buffer): Buffer | undefined {
  const end = bytes.indexOf(0);
  return end < 0 ? undefined : Buffer.from(bytes.subarray(0, end));
}
