import type { Clock } from '@holdfast/core';
import type { Repository } from '@holdfast/repository';
import type { Transferred } from '@holdfast/storage';
import type { Waits } from '../progress.ts';
import type { Spent } from './backup-jobs.ts';

/** What the whole waits for at a time: threads that read and work, the source alone, or uploads. */
export type WaitingFor = 'threads' | 'source' | 'uploads';

type Uploads = Pick<Transferred, 'requestMs' | 'storageMs'>;

/**
 * Where the time of a backup goes. While uploads hold it back, and while its last ones are waited for, it waits for the network or
 * the storage, in the ratio of what these took of the uploads; else for the threads, and by what these did, for the source or the
 * processor. It costs two looks at the clock for each job, and one for each change.
 */
export class PipelineTimes {
  readonly #clock: Clock;
  readonly #uploads: () => Uploads;
  readonly #before: Uploads;
  readonly #waitedMs = { threads: 0, source: 0, uploads: 0 };
  #spent: Spent = { sourceMs: 0, processingMs: 0 };
  #waitingFor: WaitingFor = 'threads';
  #sinceMs: number;

  /** @param o.uploads what uploads took in all; where no network is in between, nothing, and they wait for the storage alone */
  constructor(o: { readonly clock: Clock; readonly uploads: () => Uploads }) {
    this.#clock = o.clock;
    this.#uploads = o.uploads;
    this.#before = o.uploads();
    this.#sinceMs = o.clock.monotonicMs();
  }

  /** From here on it waits for that. */
  waitFor(what: WaitingFor): void {
    if (what === this.#waitingFor) return;
    this.#settle();
    this.#waitingFor = what;
  }

  /** What a thread did. */
  add({ sourceMs, processingMs }: Spent): void {
    const before = this.#spent;
    this.#spent = { sourceMs: before.sourceMs + sourceMs, processingMs: before.processingMs + processingMs };
  }

  /** In whole percent, together 100; undefined while there is nothing to tell. */
  waits(): Waits | undefined {
    this.#settle();
    const { threads, source, uploads } = this.#waitedMs;
    const totalMs = threads + source + uploads;
    if (!(totalMs > 0)) return undefined;
    const { sourceMs, processingMs } = this.#spent;
    const reading = sourceMs + processingMs > 0 ? sourceMs / (sourceMs + processingMs) : 1;
    const now = this.#uploads();
    const requestMs = now.requestMs - this.#before.requestMs;
    const storageMs = now.storageMs - this.#before.storageMs;
    const sending = requestMs > 0 ? Math.max(0, requestMs - storageMs) / requestMs : 0;
    return inPercent(
      {
        source: source + threads * reading,
        processing: threads * (1 - reading),
        network: uploads * sending,
        target: uploads * (1 - sending),
      },
      totalMs,
    );
  }

  #settle(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#waitedMs[this.#waitingFor] += nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
  }
}

/** Those of a backup into the repository. */
export function pipelineTimes({ clock, target }: Repository): PipelineTimes {
  return new PipelineTimes({ clock, uploads: () => target.transferred() });
}

/** What rounding leaves over goes to the largest. */
export function inPercent(times: Waits, totalMs: number): Waits {
  const share = (ms: number): number => Math.round((ms / totalMs) * 100);
  const rounded = {
    source: share(times.source),
    processing: share(times.processing),
    network: share(times.network),
    target: share(times.target),
  };
  const { source, processing, network, target } = rounded;
  const largest = bottleneckOf(times);
  return { ...rounded, [largest]: rounded[largest] + 100 - (source + processing + network + target) };
}

/** What is waited for most. */
function bottleneckOf(waits: Waits): keyof Waits {
  const stages = ['source', 'processing', 'network', 'target'] as const;
  return stages.reduce((most, stage) => (waits[stage] > waits[most] ? stage : most));
}
