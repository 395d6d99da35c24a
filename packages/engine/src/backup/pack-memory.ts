import { HoldfastError } from '@holdfast/core';
import { limits } from '../limits.ts';

export interface PackMemoryHandle {
  readonly buffers: readonly SharedArrayBuffer[];
  /** One word for each buffer, and one that counts what was given back. */
  readonly taken: SharedArrayBuffer;
}

const free = 0;
const inUse = 1;

/**
 * The memory in which packs are built: a fixed number of buffers that all threads see and pass on to each other, so that
 * a run never has more, and nothing is left to the garbage collectors (those of all threads would have to agree). Whoever
 * needs a buffer waits until a pack is stored, which also keeps the threads from running ahead of the storage.
 */
export class PackMemory {
  readonly handle: PackMemoryHandle;
  readonly #taken: Int32Array;

  constructor(handle: PackMemoryHandle) {
    this.handle = handle;
    this.#taken = new Int32Array(handle.taken);
  }

  /** Address space for so many packs; memory is only taken by what is written. */
  static create(options: { readonly count: number; readonly sizeBytes: number }): PackMemory {
    return new PackMemory({
      buffers: Array.from({ length: options.count }, () => new SharedArrayBuffer(options.sizeBytes)),
      taken: new SharedArrayBuffer((options.count + 1) * 4),
    });
  }

  /**
   * The number of a buffer that nobody else has; -1 when all are in use. Those used before are preferred: they have memory.
   * Numbers, because one buffer is another object in each thread.
   */
  tryTake(): number {
    return this.handle.buffers.findIndex((_, at) => Atomics.compareExchange(this.#taken, at, free, inUse) === free);
  }

  buffer(number: number): SharedArrayBuffer {
    const buffer = this.handle.buffers[number];
    if (buffer === undefined) throw new RangeError(`there is no buffer ${number}`);
    return buffer;
  }

  /** Like `tryTake`, but blocks the thread until there is one. Not for the thread that stores packs. @throws internal.unexpected */
  take(): number {
    const counter = this.handle.buffers.length;
    for (let waitedMs = 0; waitedMs < limits.packMemoryTimeoutMs; waitedMs += limits.packMemoryWaitMs) {
      const given = Atomics.load(this.#taken, counter);
      const number = this.tryTake();
      if (number >= 0) return number;
      Atomics.wait(this.#taken, counter, given, limits.packMemoryWaitMs);
    }
    throw new HoldfastError('internal.unexpected', {
      message: 'No pack was stored for hours, so there is no memory left.',
    });
  }

  /** Gives a buffer back that `take` or `tryTake` gave. */
  give(number: number): void {
    Atomics.store(this.#taken, number, free);
    const counter = this.handle.buffers.length;
    Atomics.add(this.#taken, counter, 1);
    Atomics.notify(this.#taken, counter);
  }
}
