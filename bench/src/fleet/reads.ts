import { setTimeout as delay } from 'node:timers/promises';
import { toHoldfastError } from '@holdfast/core';
import type { RestClient } from '@holdfast/protocol';

/** Reads that were answered with an error or not at all, each kind once with how often. */
export class ReadFailures {
  readonly #times = new Map<string, number>();

  get count(): number {
    return [...this.#times.values()].reduce((sum, times) => sum + times, 0);
  }

  add(what: string, error: unknown): void {
    const kind = `${what}: ${toHoldfastError(error).code}: ${error instanceof Error ? error.message : String(error)}`;
    this.#times.set(kind, (this.#times.get(kind) ?? 0) + 1);
  }

  say(say: (text: string) => void): void {
    for (const [kind, times] of this.#times) say(`a read failed ${times} times: ${kind}`);
  }
}

/** A read, when it was asked and how long its answer, or its failure, took. */
export interface Read {
  readonly beganMs: number;
  readonly tookMs: number;
}

/** Pages of the lists that people look at, one after the other at a steady pace, whether or not the one before was answered. */
export async function keepReading(
  client: RestClient,
  answers: Read[],
  { perSecond, signal, failures }: { perSecond: number; signal: AbortSignal; failures: ReadFailures },
): Promise<void> {
  const reads = [
    { what: 'computers', ask: () => client.call('computers', { query: { limit: 100 } }) },
    { what: 'runs', ask: () => client.call('runs', { query: { limit: 100 } }) },
    { what: 'sessions', ask: () => client.call('sessions', { query: { limit: 20 } }) },
    { what: 'computers online', ask: () => client.call('computers', { query: { limit: 100, state: 'online' } }) },
    { what: 'jobs', ask: () => client.call('jobs', {}) },
    { what: 'status', ask: () => client.call('status', {}) },
  ];
  const under: Promise<void>[] = [];
  for (let number = 0; !signal.aborted; number += 1) {
    const beganMs = Date.now();
    const fromMs = performance.now();
    const read = reads[number % reads.length];
    // One that fails took its time as well.
    const done = (): void => void answers.push({ beganMs, tookMs: performance.now() - fromMs });
    if (read)
      under.push(
        read.ask().then(done, (error: unknown) => {
          done();
          failures.add(read.what, error);
        }),
      );
    await delay(1000 / perSecond);
  }
  await Promise.all(under);
}
