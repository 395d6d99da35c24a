import { addressOf } from './library.ts';

/** Where each block of memory begins; asking costs as much as a call, and array buffers never move. */
const bases = new WeakMap<ArrayBufferLike, number>();

/**
 * The address of bytes as a number: exact, because processes have less than 2^53 bytes of address space, and several
 * times as fast to pass as a typed array. The caller keeps the bytes alive during the call: see `holding`.
 */
export function numericAddress(bytes: Uint8Array | Uint32Array): number {
  let base = bases.get(bytes.buffer);
  if (base === undefined) {
    base = Number(addressOf(new Uint8Array(bytes.buffer)));
    bases.set(bytes.buffer, base);
  }
  return base + bytes.byteOffset;
}

/** What the call underway knows only by its address. */
let held: unknown;

/**
 * Calls C with addresses of these objects' memory. V8 frees what is not used any more even while its function runs: a garbage
 * collection between asking for the address and the end of the call would take the memory away, and C would read another's.
 */
export function holding<Result>(objects: unknown, call: () => Result): Result {
  const before = held;
  held = [before, objects];
  try {
    return call();
  } finally {
    held = before;
  }
}
