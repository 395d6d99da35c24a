import { createHash, type Hash, hash } from 'node:crypto';
import { bindOptional } from './built-in.ts';
import { numericAddress } from './memory-address.ts';
import { hashesInLanes } from './sha256-lanes.ts';

/**
 * SHA-256 of long messages that come in pieces, side by side with whole messages, in the lanes that `sha256Each` uses
 * for whole ones only. One per thread.
 */
export interface Sha256Together {
  /** Begins a message that comes in pieces. */
  begin(): Sha256Stream;
  /** Goes on with each stream (each at most once) and gives the hashes of the whole messages, 32 bytes each. */
  add(pieces: readonly StreamPiece[], whole: readonly Uint8Array[]): Buffer;
}

export interface Sha256Stream {
  /** The hash of all pieces; nothing may follow. */
  digest(): Buffer;
}

export interface StreamPiece {
  readonly stream: Sha256Stream;
  readonly bytes: Uint8Array;
}

const laneCount = 8;
const blockBytes = 64;
const hashBytes = 32;
/** FIPS 180-4, 5.3.3. */
const initial = Uint32Array.of(
  ...[0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19],
);
/** With fewer lanes in use one message at a time is faster. */
const minLanes = 3;

type MultiBlock = (state: number, lanes: number, groupsOfFour: number) => void;
type Blocks = (state: number, data: number, blocks: number) => void;

interface Functions {
  readonly multiBlock: MultiBlock;
  readonly blocks: Blocks;
}

/** Blocks to take into the eight words of a state. */
interface Job {
  readonly states: Uint32Array;
  readonly at: number;
  readonly address: number;
  readonly blocks: number;
}

class LaneStream implements Sha256Stream {
  readonly state = Uint32Array.from(initial);
  /** The beginning of a block whose end has not come yet. */
  readonly rest = new Uint8Array(blockBytes);
  sizeBytes = 0;
  readonly #functions: Functions;

  constructor(functions: Functions) {
    this.#functions = functions;
  }

  /** Takes up to a whole block off the front; gives the bytes that are left, beginning at a block's border. */
  fill(bytes: Uint8Array): Uint8Array {
    const held = this.sizeBytes % blockBytes;
    this.sizeBytes += bytes.byteLength;
    if (held === 0) return bytes;
    const head = bytes.subarray(0, blockBytes - held);
    this.rest.set(head, held);
    if (held + head.byteLength === blockBytes)
      this.#functions.blocks(numericAddress(bytesOf(this.state)), numericAddress(this.rest), 1);
    return bytes.subarray(head.byteLength);
  }

  digest(): Buffer {
    const tail = Buffer.alloc(2 * blockBytes);
    const tailBlocks = pad(tail, this.rest.subarray(0, this.sizeBytes % blockBytes), this.sizeBytes);
    this.#functions.blocks(numericAddress(bytesOf(this.state)), numericAddress(tail), tailBlocks);
    const digest = Buffer.allocUnsafeSlow(hashBytes);
    for (const [at, word] of this.state.entries()) digest.writeUInt32BE(word, at * 4);
    return digest;
  }
}

class InLanes implements Sha256Together {
  readonly #functions: Functions;
  /** Eight words, each for eight lanes; at a multiple of 32 bytes as the processor wants it. */
  readonly #state: Uint32Array;
  readonly #stateAddress: number;
  /** Pointer and number of blocks of each lane; 16 bytes. */
  readonly #lanes = new Uint32Array(laneCount * 4);
  readonly #lanesAddress = numericAddress(bytesOf(this.#lanes));

  constructor(functions: Functions) {
    this.#functions = functions;
    const memory = new Uint8Array(8 * laneCount * 4 + 32);
    const past = numericAddress(memory) % 32;
    this.#state = new Uint32Array(memory.buffer, past === 0 ? 0 : 32 - past, 8 * laneCount);
    this.#stateAddress = numericAddress(bytesOf(this.#state));
  }

  begin(): Sha256Stream {
    return new LaneStream(this.#functions);
  }

  add(pieces: readonly StreamPiece[], whole: readonly Uint8Array[]): Buffer {
    const bodies: Job[] = [];
    const ends: Job[] = [];
    for (const { stream, bytes } of pieces) {
      if (!(stream instanceof LaneStream)) throw new TypeError('a stream of another kind of hashing');
      const left = stream.fill(bytes);
      const blocks = Math.floor(left.byteLength / blockBytes);
      if (blocks > 0) bodies.push({ states: stream.state, at: 0, address: numericAddress(left), blocks });
      if (left.byteLength > 0) stream.rest.set(left.subarray(blocks * blockBytes));
    }
    const states = new Uint32Array(whole.length * 8);
    const tails = Buffer.alloc(whole.length * 2 * blockBytes);
    const tailsAddress = numericAddress(tails);
    for (const [number, bytes] of whole.entries()) {
      states.set(initial, number * 8);
      const blocks = Math.floor(bytes.byteLength / blockBytes);
      if (blocks > 0) bodies.push({ states, at: number * 8, address: numericAddress(bytes), blocks });
      const tailAt = number * 2 * blockBytes;
      const tailBlocks = pad(tails.subarray(tailAt), bytes.subarray(blocks * blockBytes), bytes.byteLength);
      ends.push({ states, at: number * 8, address: tailsAddress + tailAt, blocks: tailBlocks });
    }
    // The longest first, so that the lanes end together.
    this.#run(bodies.sort((a, b) => b.blocks - a.blocks));
    this.#run(ends.sort((a, b) => b.blocks - a.blocks));
    const digests = Buffer.allocUnsafeSlow(whole.length * hashBytes);
    for (const [at, word] of states.entries()) digests.writeUInt32BE(word, at * 4);
    return digests;
  }

  #run(jobs: readonly Job[]): void {
    const running = new Array<Job | undefined>(laneCount).fill(undefined);
    const done = new Uint32Array(laneCount);
    let next = 0;
    for (;;) {
      let active = 0;
      let step = Number.MAX_SAFE_INTEGER;
      for (let lane = 0; lane < laneCount; lane += 1) {
        let job = running[lane];
        if (job === undefined && next < jobs.length) {
          job = jobs[next];
          next += 1;
          running[lane] = job;
          done[lane] = 0;
          for (let word = 0; word < 8; word += 1)
            this.#state[word * laneCount + lane] = job?.states[job.at + word] ?? 0;
        }
        if (job === undefined) continue;
        active += 1;
        step = Math.min(step, job.blocks - (done[lane] ?? 0));
      }
      if (active === 0) return;
      if (active < minLanes) {
        this.#oneByOne(running, done);
        return;
      }
      for (let lane = 0; lane < laneCount; lane += 1) {
        const job = running[lane];
        const address = job === undefined ? this.#lanesAddress : job.address + (done[lane] ?? 0) * blockBytes;
        this.#lanes[lane * 4] = address;
        this.#lanes[lane * 4 + 1] = address / 2 ** 32;
        this.#lanes[lane * 4 + 2] = job === undefined ? 0 : step;
      }
      this.#functions.multiBlock(this.#stateAddress, this.#lanesAddress, laneCount / 4);
      for (let lane = 0; lane < laneCount; lane += 1) {
        const job = running[lane];
        if (job === undefined) continue;
        done[lane] = (done[lane] ?? 0) + step;
        if (done[lane] !== job.blocks) continue;
        this.#store(lane, job);
        running[lane] = undefined;
      }
    }
  }

  /** The rest of the last jobs, one after the other. */
  #oneByOne(running: readonly (Job | undefined)[], done: Uint32Array): void {
    for (const [lane, job] of running.entries()) {
      if (job === undefined) continue;
      this.#store(lane, job);
      const from = done[lane] ?? 0;
      const state = numericAddress(bytesOf(job.states)) + job.at * 4;
      this.#functions.blocks(state, job.address + from * blockBytes, job.blocks - from);
    }
  }

  #store(lane: number, job: Job): void {
    for (let word = 0; word < 8; word += 1) job.states[job.at + word] = this.#state[word * laneCount + lane] ?? 0;
  }
}

class PlainStream implements Sha256Stream {
  readonly hash: Hash = createHash('sha256');

  digest(): Buffer {
    return this.hash.digest();
  }
}

const oneByOne: Sha256Together = {
  begin: () => new PlainStream(),
  add(pieces, whole) {
    for (const { stream, bytes } of pieces) {
      if (!(stream instanceof PlainStream)) throw new TypeError('a stream of another kind of hashing');
      stream.hash.update(bytes);
    }
    return Buffer.concat(whole.map((bytes) => hash('sha256', bytes, 'buffer')));
  },
};

/** Through Node's own hash, one message after the other: the reference that lanes are compared with. */
export function sha256OneByOne(): Sha256Together {
  return oneByOne;
}

/** The faster way of this thread's processor. */
export function sha256Together(): Sha256Together {
  if (!hashesInLanes()) return oneByOne;
  const multiBlock = bindOptional<MultiBlock>('void sha256_multi_block(uint64_t state, uint64_t lanes, int groups)');
  const blocks = bindOptional<Blocks>('void sha256_block_data_order(uint64_t state, uint64_t data, size_t blocks)');
  return multiBlock === undefined || blocks === undefined ? oneByOne : new InLanes({ multiBlock, blocks });
}

/** Writes the end of a message and its padding (FIPS 180-4, 5.1.1) into zeros; gives how many blocks that makes. */
function pad(tail: Buffer, rest: Uint8Array, sizeBytes: number): 1 | 2 {
  const blocks = rest.byteLength + 9 > blockBytes ? 2 : 1;
  tail.set(rest);
  tail[rest.byteLength] = 0x80;
  tail.writeUInt32BE(Math.floor(sizeBytes / 2 ** 29), blocks * blockBytes - 8);
  tail.writeUInt32BE((sizeBytes * 8) % 2 ** 32, blocks * blockBytes - 4);
  return blocks;
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
