import { discardMemory } from '@holdfast/native';

/**
 * The inner loop of the chunker as WebAssembly: 1.7 GB per CPU second, always, while V8 compiles the same loop in
 * JavaScript to anything between 0.25 and 0.8, by how it happens to be inlined (measured on 16 MiB slabs).
 */

/** What TypeScript's library has only for browsers. */
interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}
interface WebAssemblyApi {
  readonly Memory: new (size: { initial: number; maximum: number; shared: true }) => SharedMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly holdfast: { readonly memory: SharedMemory } },
  ) => { readonly exports: object };
}
declare const WebAssembly: WebAssemblyApi;

/** Memory that all threads see and the loop can read; post it to a thread and make a `GearScan` of it there. */
export type GearMemory = SharedMemory;

const pageBytes = 64 * 1024;
/** The first page holds the gear table, data follows. */
const dataAt = pageBytes;
const unrolled = 8;

/** Room for the table and so much data. */
export function gearMemory(dataSizeBytes: number): GearMemory {
  const pages = Math.ceil((dataAt + dataSizeBytes) / pageBytes);
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}

/** The data, for who only fills it. */
export function gearData(memory: GearMemory): Buffer {
  return Buffer.from(memory.buffer, dataAt);
}

/** Gives the memory of the data back to the system, until there is other data in it; no thread may look at it any more. */
export function discardGearData(memory: GearMemory): void {
  discardMemory(new Uint8Array(memory.buffer, dataAt));
}

/**
 * `scan(at, end, shift, hash)` gives the first position in (at, end] after whose byte the hash's highest bits are all zero,
 * or -1, and leaves the hash in `last`.
 */
interface Exports {
  readonly scan: (at: number, end: number, shift: number, hash: number) => number;
  readonly last: { readonly value: number };
}

/** One thread's view of a `GearMemory`. */
export class GearScan {
  /** The data; positions of `scan` count from its beginning. */
  readonly bytes: Buffer;
  readonly #exports: Exports;

  constructor(memory: GearMemory, gear: Uint32Array) {
    this.bytes = gearData(memory);
    // Every thread writes the same words.
    new Uint32Array(memory.buffer, 0, gear.length).set(gear);
    compiled ??= new WebAssembly.Module(moduleBytes());
    const { exports } = new WebAssembly.Instance(compiled, { holdfast: { memory } });
    if (!hasExports(exports)) throw new TypeError('the chunker’s module lacks its exports');
    this.#exports = exports;
  }

  /** The first position in (from, end] after whose byte the highest 32 - `shift` bits of the hash are all zero, or -1. */
  scan(range: { readonly from: number; readonly end: number; readonly shift: number; readonly hash: number }): number {
    if (range.end > this.bytes.length) throw new RangeError('the range ends outside of the memory');
    const found = this.#exports.scan(dataAt + range.from, dataAt + range.end, range.shift, range.hash);
    return found < 0 ? -1 : found - dataAt;
  }

  /** The hash at the end of a scan that found nothing. */
  get lastHash(): number {
    return this.#exports.last.value;
  }
}

let compiled: object | undefined;

function hasExports(exports: object): exports is Exports {
  return 'scan' in exports && typeof exports.scan === 'function' && 'last' in exports;
}

/**
 * The module (WebAssembly core specification 2, chapter 5). As text:
 *
 *     (import "holdfast" "memory" (memory 1 65536 shared))
 *     (global $last (export "last") (mut i32) (i32.const 0))
 *     (func (export "scan") (param $at i32) (param $end i32) (param $shift i32) (param $hash i32) (result i32)
 *       (loop (if (i32.le_u (i32.add $at 8) $end) (then STEP(0) … STEP(7) (local.set $at (i32.add $at 8)) (br 1))))
 *       (loop (if (i32.lt_u $at $end) (then STEP(0) (local.set $at (i32.add $at 1)) (br 1))))
 *       (global.set $last $hash)
 *       (i32.const -1))
 *
 * where STEP(k) is: hash = (hash << 1) + gear[byte at + k]; if (hash >>> shift == 0) return at + k + 1.
 */
function moduleBytes(): Uint8Array {
  const [at, end, shift, hash] = [0, 1, 2, 3];
  const i32 = 0x7f;
  const get = (local: number): number[] => [0x20, local];
  const set = (local: number): number[] => [0x21, local];
  const constant = (value: number): number[] => [0x41, value & 0x7f];
  const add = 0x6a;
  const step = (k: number): number[] => [
    ...[...get(hash), ...constant(1), 0x74],
    ...[...get(at), 0x2d, 0, k, ...constant(2), 0x74, 0x28, 2, 0, add, 0x22, hash],
    ...[...get(shift), 0x76, 0x45, 0x04, 0x40, ...get(at), ...constant(k + 1), add, 0x0f, 0x0b],
  ];
  const again = (bytes: number): number[] => [...get(at), ...constant(bytes), add, ...set(at), 0x0c, 1, 0x0b, 0x0b];
  const loopWhile = (condition: readonly number[]): number[] => [0x03, 0x40, ...condition, 0x04, 0x40];
  const steps = Array.from({ length: unrolled }, (_, k) => step(k)).flat();
  const body = [
    0,
    ...loopWhile([...get(at), ...constant(unrolled), add, ...get(end), 0x4d]),
    ...[...steps, ...again(unrolled)],
    ...loopWhile([...get(at), ...get(end), 0x49]),
    ...[...step(0), ...again(1)],
    ...[...get(hash), 0x24, 0, ...constant(-1), 0x0b],
  ];
  const unsigned = (value: number): number[] =>
    value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
  const list = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
  const text = (value: string): number[] => [...unsigned(value.length), ...Buffer.from(value)];
  const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list([[0x60, ...list([[i32], [i32], [i32], [i32]]), ...list([[i32]])]])),
    ...section(2, list([[...text('holdfast'), ...text('memory'), 2, 3, ...unsigned(1), ...unsigned(65536)]])),
    ...section(3, list([[0]])),
    ...section(6, list([[i32, 1, ...constant(0), 0x0b]])),
    ...section(
      7,
      list([
        [...text('scan'), 0, 0],
        [...text('last'), 3, 0],
      ]),
    ),
    ...section(10, list([[...unsigned(body.length), ...body]])),
  ]);
}
