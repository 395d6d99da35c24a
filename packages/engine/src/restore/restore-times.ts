import type { Repository } from '@holdfast/repository';
import { inPercent } from '../backup/pipeline-times.ts';
import type { Waits } from '../progress.ts';
import type { RestoreResult } from './restore-jobs.ts';

type Reads = Pick<ReturnType<Repository['target']['transferred']>, 'requestMs' | 'storageMs'>;

/**
 * Where the time of a restore goes. While no thread has anything to do it waits for what it reads, of the network or the repository's storage,
 * in the ratio of what these took of the requests; while threads have, for what these did: opening what was read, or writing to the disk
 * that is restored to. At the end, until everything is durable, for that disk.
 */
export class RestoreTimes {
  readonly #repository: Repository;
  readonly #before: Reads;
  readonly #waitedMs = { reads: 0, threads: 0, disk: 0 };
  readonly #spent = { sourceMs: 0, processingMs: 0, targetMs: 0 };
  #waitingFor: 'reads' | 'threads' | 'disk' = 'reads';
  #sinceMs: number;

  constructor(repository: Repository) {
    this.#repository = repository;
    this.#before = repository.target.transferred();
    this.#sinceMs = repository.clock.monotonicMs();
  }

  /** From here on it waits for that. */
  waitFor(what: 'reads' | 'threads' | 'disk'): void {
    if (what === this.#waitingFor) return;
    this.#settle();
    this.#waitingFor = what;
  }

  /** What a thread did. */
  add({ spent }: RestoreResult): void {
    if (!spent) return;
    this.#spent.sourceMs += spent.sourceMs;
    this.#spent.processingMs += spent.processingMs;
    this.#spent.targetMs += spent.targetMs;
  }

  /** In whole percent, together 100; undefined while there is nothing to tell. */
  waits(): Waits | undefined {
    this.#settle();
    const { reads, threads, disk } = this.#waitedMs;
    const totalMs = reads + threads + disk;
    if (!(totalMs > 0)) return undefined;
    const { sourceMs, processingMs, targetMs } = this.#spent;
    const workMs = sourceMs + processingMs + targetMs;
    const share = (ms: number): number => (workMs > 0 ? (threads * ms) / workMs : 0);
    const now = this.#repository.target.transferred();
    const requestMs = now.requestMs - this.#before.requestMs;
    const storageMs = now.storageMs - this.#before.storageMs;
    const underWay = requestMs > 0 ? Math.max(0, requestMs - storageMs) / requestMs : 0;
    return inPercent(
      {
        source: reads * (1 - underWay) + share(sourceMs),
        processing: share(processingMs) + (workMs > 0 ? 0 : threads),
        network: reads * underWay,
        target: share(targetMs) + disk,
      },
      totalMs,
    );
  }

  #settle(): void {
    const nowMs = this.#repository.clock.monotonicMs();
    this.#waitedMs[this.#waitingFor] += nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
  }
}
