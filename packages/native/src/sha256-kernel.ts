import { bindOptional } from './built-in.ts';
import { loadKernels } from './kernels.ts';
import { numericAddress } from './memory-address.ts';

/** Whole blocks of 64 bytes to take into the eight words of a state. */
export interface BlocksOfMessage {
  readonly states: Uint32Array;
  /** Where in `states` its words begin. */
  readonly at: number;
  readonly address: number;
  readonly blocks: number;
}

/** SHA-256 of several messages at once in the lanes of the processor's vector registers. One per thread. */
export interface LaneKernel {
  readonly lanes: number;
  /** Takes all of them into their states, those that come first in the first lanes that are free. */
  run(jobs: readonly BlocksOfMessage[]): void;
  /** The same for one, without lanes. */
  one(job: BlocksOfMessage): void;
}

type RunLanes = (jobs: number, count: number, leastBusy: number) => void;
type Blocks = (state: number, data: number, blocks: number) => void;

/** Three numbers of 64 bits: state, data, blocks. */
const jobWords = 6;

class Kernel implements LaneKernel {
  readonly lanes: number;
  readonly #run: RunLanes;
  readonly #blocks: Blocks;
  readonly #leastBusy: number;
  #jobs = new Uint32Array(64 * jobWords);

  constructor(lanes: number, functions: { readonly run: RunLanes; readonly blocks: Blocks }, leastBusy: number) {
    this.lanes = lanes;
    this.#run = functions.run;
    this.#blocks = functions.blocks;
    this.#leastBusy = leastBusy;
  }

  run(all: readonly BlocksOfMessage[]): void {
    if (all.length * jobWords > this.#jobs.length) this.#jobs = new Uint32Array(2 * all.length * jobWords);
    const jobs = this.#jobs;
    for (const [number, { states, at, address, blocks }] of all.entries()) {
      const state = numericAddress(states) + at * 4;
      const word = number * jobWords;
      jobs[word] = state;
      jobs[word + 1] = state / 2 ** 32;
      jobs[word + 2] = address;
      jobs[word + 3] = address / 2 ** 32;
      jobs[word + 4] = blocks;
      jobs[word + 5] = blocks / 2 ** 32;
    }
    this.#run(numericAddress(jobs), all.length, this.#leastBusy);
    // The last few, one after the other.
    for (const [number, job] of all.entries()) {
      const left = (jobs[number * jobWords + 4] ?? 0) + (jobs[number * jobWords + 5] ?? 0) * 2 ** 32;
      if (left > 0) this.one({ ...job, address: job.address + (job.blocks - left) * 64, blocks: left });
    }
  }

  one({ states, at, address, blocks }: BlocksOfMessage): void {
    this.#blocks(numericAddress(states) + at * 4, address, blocks);
  }
}

/**
 * The kernels that this processor runs faster than one message after the other, the best one first.
 * @param file another build of them, for tests
 */
export function laneKernels(file?: string): readonly LaneKernel[] {
  // OpenSSL's, for single messages: with the processor's SHA extensions where it has them.
  const blocks = bindOptional<Blocks>('void sha256_block_data_order(uint64_t state, uint64_t data, size_t blocks)');
  const kernels = loadKernels(file);
  if (blocks === undefined || kernels === undefined) return [];
  const { avx2, avx512, sha } = kernels.processor;
  const kernel = (lanes: number, leastBusy: number): LaneKernel => {
    const run = kernels.bind<RunLanes>(
      `void holdfast_sha256_${lanes}(uint64_t jobs, uint64_t count, uint64_t leastBusy)`,
    );
    return new Kernel(lanes, { run, blocks }, leastBusy);
  };
  // Measured: the extensions are as fast as half of 16 lanes, or as all of 8; without them, one message as 2.5 lanes.
  return [...(avx512 ? [kernel(16, sha ? 8 : 3)] : []), ...(avx2 && !sha ? [kernel(8, 3)] : [])];
}
