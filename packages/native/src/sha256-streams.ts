import { createHash, type Hash, hash } from 'node:crypto';
import { holding, numericAddress } from './memory-address.ts';
import { type BlocksOfMessage, type LaneKernel, laneKernels } from './sha256-kernel.ts';

/** SHA-256 of long messages that come in pieces, side by side with whole messages. One per thread. */
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

const blockBytes = 64;
const hashBytes = 32;
/** FIPS 180-4, 5.3.3. */
const initial = Uint32Array.of(
  ...[0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19],
);

/** The last blocks of a stream; of the module, so that it outlives every call. */
const streamTail = Buffer.alloc(2 * blockBytes);

class LaneStream implements Sha256Stream {
  readonly state = Uint32Array.from(initial);
  /** The beginning of a block whose end has not come yet. */
  readonly rest = new Uint8Array(blockBytes);
  sizeBytes = 0;
  readonly #kernel: LaneKernel;

  constructor(kernel: LaneKernel) {
    this.#kernel = kernel;
  }

  /** Takes up to a whole block off the front; gives the bytes that are left, beginning at a block's border. */
  fill(bytes: Uint8Array): Uint8Array {
    const held = this.sizeBytes % blockBytes;
    this.sizeBytes += bytes.byteLength;
    if (held === 0) return bytes;
    const head = bytes.subarray(0, blockBytes - held);
    this.rest.set(head, held);
    if (held + head.byteLength === blockBytes)
      this.#kernel.one({ states: this.state, at: 0, address: numericAddress(this.rest), blocks: 1 });
    return bytes.subarray(head.byteLength);
  }

  digest(): Buffer {
    const tail = streamTail.fill(0);
    const tailBlocks = pad(tail, this.rest.subarray(0, this.sizeBytes % blockBytes), this.sizeBytes);
    this.#kernel.one({ states: this.state, at: 0, address: numericAddress(tail), blocks: tailBlocks });
    const digest = Buffer.allocUnsafeSlow(hashBytes);
    for (const [at, word] of this.state.entries()) digest.writeUInt32BE(word, at * 4);
    return digest;
  }
}

class InLanes implements Sha256Together {
  readonly #kernel: LaneKernel;

  constructor(kernel: LaneKernel) {
    this.#kernel = kernel;
  }

  begin(): Sha256Stream {
    return new LaneStream(this.#kernel);
  }

  add(pieces: readonly StreamPiece[], whole: readonly Uint8Array[]): Buffer {
    const bodies: BlocksOfMessage[] = [];
    const ends: BlocksOfMessage[] = [];
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
    holding([pieces, whole, states, tails], () => {
      // The longest first, so that the lanes end together.
      this.#kernel.run(bodies.sort((a, b) => b.blocks - a.blocks));
      this.#kernel.run(ends.sort((a, b) => b.blocks - a.blocks));
    });
    const digests = Buffer.allocUnsafeSlow(whole.length * hashBytes);
    for (const [at, word] of states.entries()) digests.writeUInt32BE(word, at * 4);
    return digests;
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

/** Undecided until first use. */
let chosen: Sha256Together | undefined;

/** The fastest way of this processor that gives what Node's hash gives. */
export function sha256Together(): Sha256Together {
  chosen ??= laneKernels().map(sha256InLanes).find(isRight) ?? oneByOne;
  return chosen;
}

/** Through a kernel of `laneKernels`. */
export function sha256InLanes(kernel: LaneKernel): Sha256Together {
  return new InLanes(kernel);
}

/** True when several inputs at once are faster than one after the other. */
export function hashesInLanes(): boolean {
  return sha256Together() !== oneByOne;
}

/** The SHA-256 of each input, 32 bytes each, in one buffer. Best with sixteen inputs or more, of like sizes in a row. */
export function sha256Each(inputs: readonly Uint8Array[]): Buffer {
  return sha256Together().add([], inputs);
}

function isRight(together: Sha256Together): boolean {
  const sample = Array.from({ length: 40 }, (_, at) => new Uint8Array(at * 61).fill(at + 1));
  return together.add([], sample).equals(oneByOne.add([], sample));
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
