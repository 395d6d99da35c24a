import { hash } from 'node:crypto';
import { bindOptional } from './built-in.ts';
import { addressOf } from './library.ts';

/**
 * SHA-256 of many inputs at once: OpenSSL hashes eight messages side by side in the lanes of AVX2 registers
 * (`sha256_multi_block`, made for TLS, crypto/sha/asm/sha256-mb-x86_64.pl), three times as fast as one after the other on
 * processors without SHA extensions. Each thread tries once which way is faster, and whether the results are right.
 */
const laneCount = 8;
const blockBytes = 64;
const hashBytes = 32;
/** FIPS 180-4, 5.3.3. */
const initial = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
/** With fewer lanes in use one message at a time is faster. */
const minLanes = 3;

type MultiBlock = (state: Uint32Array, lanes: Uint8Array, groupsOfFour: number) => void;
type Blocks = (state: Uint32Array, data: bigint, blocks: bigint) => void;

interface Functions {
  readonly multiBlock: MultiBlock;
  readonly blocks: Blocks;
}

class Lanes {
  readonly #functions: Functions;
  /** Eight words, each for eight lanes; at a multiple of 32 bytes as the processor wants it. */
  readonly #state = aligned(8 * laneCount * 4);
  /** Pointer and number of blocks of each lane; 16 bytes. */
  readonly #lanes = new Uint8Array(laneCount * 16);
  readonly #lanesView = new DataView(this.#lanes.buffer);
  readonly #single = new Uint32Array(8);
  readonly #tail = Buffer.alloc(2 * blockBytes);
  readonly #tailAddress = addressOf(this.#tail);

  constructor(functions: Functions) {
    this.#functions = functions;
  }

  hash(inputs: readonly Uint8Array[]): Buffer {
    const output = Buffer.allocUnsafeSlow(inputs.length * hashBytes);
    /** Input, address and blocks left of each lane; input -1 is an idle lane. */
    const input = new Array<number>(laneCount).fill(-1);
    const address = new Array<bigint>(laneCount).fill(0n);
    const left = new Array<number>(laneCount).fill(0);
    let next = 0;
    for (;;) {
      let active = 0;
      let step = Number.MAX_SAFE_INTEGER;
      for (let lane = 0; lane < laneCount; lane += 1) {
        while (input[lane] === -1 && next < inputs.length) {
          const bytes = inputs[next] ?? this.#tail;
          const blocks = Math.floor(bytes.byteLength / blockBytes);
          for (let word = 0; word < 8; word += 1) this.#state[word * laneCount + lane] = initial[word] ?? 0;
          if (blocks === 0) this.#finish(output, next, bytes, lane);
          else {
            input[lane] = next;
            address[lane] = addressIn(bytes);
            left[lane] = blocks;
          }
          next += 1;
        }
        if (input[lane] === -1) continue;
        active += 1;
        step = Math.min(step, left[lane] ?? 0);
      }
      if (active === 0) return output;
      if (active < minLanes) step = this.#oneByOne(input, address, left);
      else this.#together(input, address, step);
      for (let lane = 0; lane < laneCount; lane += 1) {
        const number = input[lane] ?? -1;
        if (number === -1) continue;
        const rest = active < minLanes ? 0 : (left[lane] ?? 0) - step;
        left[lane] = rest;
        address[lane] = (address[lane] ?? 0n) + BigInt(step * blockBytes);
        if (rest > 0) continue;
        input[lane] = -1;
        this.#finish(output, number, inputs[number] ?? this.#tail, lane);
      }
    }
  }

  #together(input: readonly number[], address: readonly bigint[], blocks: number): void {
    for (let lane = 0; lane < laneCount; lane += 1) {
      const used = input[lane] !== -1;
      this.#lanesView.setBigUint64(lane * 16, used ? (address[lane] ?? 0n) : this.#tailAddress, true);
      this.#lanesView.setInt32(lane * 16 + 8, used ? blocks : 0, true);
    }
    this.#functions.multiBlock(this.#state, this.#lanes, laneCount / 4);
  }

  /** The rest of each lane, one after the other. */
  #oneByOne(input: readonly number[], address: readonly bigint[], left: readonly number[]): number {
    for (let lane = 0; lane < laneCount; lane += 1) {
      if (input[lane] === -1) continue;
      this.#load(lane);
      this.#functions.blocks(this.#single, address[lane] ?? 0n, BigInt(left[lane] ?? 0));
      for (let word = 0; word < 8; word += 1) this.#state[word * laneCount + lane] = this.#single[word] ?? 0;
    }
    return 0;
  }

  #load(lane: number): void {
    for (let word = 0; word < 8; word += 1) this.#single[word] = this.#state[word * laneCount + lane] ?? 0;
  }

  /** The last incomplete block and the padding (FIPS 180-4, 5.1.1). */
  #finish(output: Buffer, number: number, bytes: Uint8Array, lane: number): void {
    const rest = bytes.byteLength % blockBytes;
    const blocks = rest + 9 > blockBytes ? 2 : 1;
    const tail = this.#tail;
    tail.fill(0);
    tail.set(bytes.subarray(bytes.byteLength - rest));
    tail[rest] = 0x80;
    tail.writeBigUInt64BE(BigInt(bytes.byteLength) * 8n, blocks * blockBytes - 8);
    this.#load(lane);
    this.#functions.blocks(this.#single, this.#tailAddress, BigInt(blocks));
    for (let word = 0; word < 8; word += 1)
      output.writeUInt32BE(this.#single[word] ?? 0, number * hashBytes + word * 4);
  }
}

function aligned(sizeBytes: number): Uint32Array {
  const memory = new Uint8Array(sizeBytes + 32);
  const past = Number(addressOf(memory) % 32n);
  return new Uint32Array(memory.buffer, past === 0 ? 0 : 32 - past, sizeBytes / 4);
}

/** Where each block of memory begins; asking costs as much as a call, and array buffers never move. */
const addresses = new WeakMap<ArrayBufferLike, bigint>();

function addressIn(bytes: Uint8Array): bigint {
  let base = addresses.get(bytes.buffer);
  if (base === undefined) {
    base = addressOf(new Uint8Array(bytes.buffer));
    addresses.set(bytes.buffer, base);
  }
  return base + BigInt(bytes.byteOffset);
}

function oneAfterTheOther(inputs: readonly Uint8Array[]): Buffer {
  return Buffer.concat(inputs.map((input) => hash('sha256', input, 'buffer')));
}

/** Undecided until first use. */
let lanes: Lanes | 'slower' | undefined;

function chosen(): Lanes | 'slower' {
  if (lanes !== undefined) return lanes;
  lanes = 'slower';
  if (process.arch !== 'x64' || process.platform === 'win32') return lanes;
  const multiBlock = bindOptional<MultiBlock>('void sha256_multi_block(void *state, void *lanes, int groups)');
  const blocks = bindOptional<Blocks>('void sha256_block_data_order(void *state, uint64_t data, uint64_t blocks)');
  if (multiBlock === undefined || blocks === undefined) return lanes;
  const tried = new Lanes({ multiBlock, blocks });
  const sample = Array.from({ length: laneCount }, (_, at) => new Uint8Array(16 * 1024 + at * 61).fill(at + 1));
  const expected = oneAfterTheOther(sample);
  if (!tried.hash(sample).equals(expected)) return lanes;
  // The shortest of a few tries: others may want the processor just now.
  const shortest = (work: () => void): number => {
    const times = Array.from({ length: 4 }, () => {
      const start = performance.now();
      work();
      return performance.now() - start;
    });
    return Math.min(...times);
  };
  if (shortest(() => tried.hash(sample)) < shortest(() => oneAfterTheOther(sample)) * 0.8) lanes = tried;
  return lanes;
}

/** True when several inputs at once are faster than one after the other. */
export function hashesInLanes(): boolean {
  return chosen() !== 'slower';
}

/** The SHA-256 of each input, 32 bytes each, in one buffer. Best with eight inputs or more, of like sizes in a row. */
export function sha256Each(inputs: readonly Uint8Array[]): Buffer {
  const by = inputs.length < minLanes ? 'slower' : chosen();
  return by === 'slower' ? oneAfterTheOther(inputs) : by.hash(inputs);
}
