import type { Duplex } from 'node:stream';
import type { Clock } from '@holdfast/core';
import { type Connection, transferredOver } from '@holdfast/wire';
import { z } from 'zod';
import { firstSampleMs, maxSpeedSamples, maxTaskChannels } from './limits.ts';
import { isoTime } from './names.ts';
import type { Progress } from './tasks.ts';

const count = z.number().int().nonnegative();

/** How far a task was at a time. */
const speedSample = z.object({
  at: isoTime,
  /** Of files that are done. */
  bytesDone: z.number(),
  /** Content that was given to the storage. */
  transferredBytes: z.number().optional(),
});
export type SpeedSample = z.infer<typeof speedSample>;

/** What a task used of one channel, towards one end. */
export const taskChannel = z.object({
  channel: z.string().max(100),
  /** `out`: the process that tells it dialled. */
  direction: z.enum(['in', 'out']),
  /** Of the other end. */
  address: z.string().max(253),
  /** Where it was listened: at the other end for `out`. */
  port: z.number().int().min(0).max(65_535),
  connections: count,
  sentBytes: count,
  receivedBytes: count,
});
export type TaskChannel = z.infer<typeof taskChannel>;

export const taskStatistics = z.object({
  /** At equal distances, which double when there are too many. */
  samples: z.array(speedSample).max(maxSpeedSamples),
  channels: z.array(taskChannel).max(maxTaskChannels),
});
export type TaskStatistics = z.infer<typeof taskStatistics>;

/** How far a task was, from time to time: a bounded number of samples, however long it takes. */
export class SpeedSamples {
  readonly #clock: Clock;
  #samples: SpeedSample[] = [];
  #intervalMs = firstSampleMs;
  #lastMs = Number.NEGATIVE_INFINITY;
  #latest: SpeedSample | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True when it was time for a sample. */
  add({ bytesDone, transferredBytes }: Pick<Progress, 'bytesDone' | 'transferredBytes'>): boolean {
    const at = this.#clock.now().toISOString();
    this.#latest = { at, bytesDone, ...(transferredBytes === undefined ? {} : { transferredBytes }) };
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lastMs < this.#intervalMs) return false;
    // Of an odd number, the first and the last stay; with them there is room for the latest state.
    if (this.#samples.length === maxSpeedSamples - 1) {
      this.#samples = this.#samples.filter((_, number) => number % 2 === 0);
      this.#intervalMs *= 2;
      if (nowMs - this.#lastMs < this.#intervalMs) return false;
    }
    this.#lastMs = nowMs;
    this.#samples.push(this.#latest);
    return true;
  }

  /** The latest state is the last one. */
  all(): readonly SpeedSample[] {
    const latest = this.#latest;
    return latest === undefined || this.#samples.at(-1) === latest ? this.#samples : [...this.#samples, latest];
  }
}

/** The connections of one task, added up by channel, other end and port. */
export class TaskChannels {
  readonly #known = new Map<string, { readonly total: TaskChannel; readonly open: Set<Duplex> }>();

  /** Counts a connection of this task alone, to its end. More than the bound of different ones are left out. */
  follow(connection: Connection, direction: TaskChannel['direction']): void {
    const { channel, remoteAddress: address, stream } = connection;
    const port = direction === 'out' ? connection.remotePort : connection.localPort;
    const key = `${channel} ${direction} ${address} ${port}`;
    const known = this.#known.get(key) ?? {
      total: { channel, direction, address, port, connections: 0, sentBytes: 0, receivedBytes: 0 },
      open: new Set<Duplex>(),
    };
    if (this.#known.size >= maxTaskChannels && !this.#known.has(key)) return;
    this.#known.set(key, known);
    known.total.connections += 1;
    if (stream.closed) return;
    known.open.add(stream);
    stream.once('close', () => {
      known.open.delete(stream);
      const { sentBytes, receivedBytes } = transferredOver(stream);
      known.total.sentBytes += sentBytes;
      known.total.receivedBytes += receivedBytes;
    });
  }

  all(): readonly TaskChannel[] {
    return [...this.#known.values()].map(({ total, open }) => ({
      ...total,
      sentBytes: [...open].reduce((sum, stream) => sum + transferredOver(stream).sentBytes, total.sentBytes),
      receivedBytes: [...open].reduce(
        (sum, stream) => sum + transferredOver(stream).receivedBytes,
        total.receivedBytes,
      ),
    }));
  }
}
