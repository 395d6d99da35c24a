import type { Clock } from '@holdfast/core';
import { limits } from './limits.ts';

/** How far the work is. Totals are there when they are known. */
export interface Progress<Phase extends string> {
  readonly phase: Phase;
  readonly filesDone: number;
  readonly filesTotal?: number;
  readonly bytesDone: number;
  readonly bytesTotal?: number;
  /** Content that was given to the storage, as it is stored. */
  readonly transferredBytes?: number;
  readonly waits?: Waits;
  /** Not necessarily UTF-8 on disk; shown with replacement characters. */
  readonly currentPath?: string;
}

/** How much of its time the work has waited for each, in whole percent, together 100. The largest is the bottleneck. */
export interface Waits {
  /** Looking at and reading what is backed up; of a restore the storage of the repository, as whoever has it says. */
  readonly source: number;
  /** Cutting, hashing, compressing and encrypting, or the reverse. */
  readonly processing: number;
  readonly network: number;
  /** The storage, as whoever has it says; of a restore the disk that is restored to. */
  readonly target: number;
}

/** Passes on at most ten reports a second; the last one always. */
export class ProgressReporter<Phase extends string> {
  readonly #clock: Clock;
  readonly #onProgress: ((progress: Progress<Phase>) => void) | undefined;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, onProgress: ((progress: Progress<Phase>) => void) | undefined) {
    this.#clock = clock;
    this.#onProgress = onProgress;
  }

  report(make: () => Progress<Phase>): void {
    if (this.#onProgress === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lastMs < limits.progressIntervalMs) return;
    this.#lastMs = nowMs;
    this.#onProgress(make());
  }

  /** A report that is not left out: a new phase, the end. */
  force(progress: Progress<Phase>): void {
    this.#lastMs = this.#clock.monotonicMs();
    this.#onProgress?.(progress);
  }
}
