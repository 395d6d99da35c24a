import { Semaphore, toHoldfastError } from '@holdfast/core';
import { type ChannelReport, channelReportOf, withoutFuture } from '@holdfast/wire';
import type { Logger } from 'pino';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { type ComputerRow, computerView, everyComputer } from '../computers/computers.ts';
import type { Presence } from '../computers/presence.ts';
import { channelUseIntervalMs, maxParallelContacts } from '../limits.ts';
import { askComputer, type ChannelUseParts } from '../rest/channel-use.ts';
import type { FleetCounts } from './fleet-counts.ts';
import { metricsText } from './metrics.ts';
import type { WorkCounts } from './work-counts.ts';

type Parts = Omit<ChannelUseParts, 'fleet' | 'serverId' | 'wire'> & {
  readonly catalogue: Catalogue;
  readonly presence: Presence;
  readonly fleet: FleetCounts;
  readonly startedAt: Date;
  readonly work: WorkCounts;
  readonly logger: Logger;
};

/** Asks the computers of the fleet again and again how they use the channels, and tells monitoring. */
export class MetricsSource {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.collect(signal);
      } catch (error) {
        signal.throwIfAborted();
        this.#parts.logger.warn({ error: toHoldfastError(error) }, 'a round of counts of channel use was left out');
      }
      await this.#parts.clock.sleep(channelUseIntervalMs, signal);
    }
  }

  /** One round: every mover that answers, and the agents that are connected here. */
  async collect(signal: AbortSignal): Promise<void> {
    const { fleet, presence, connections, clock } = this.#parts;
    const known = new Set<string>();
    const there: ComputerRow[] = [];
    for await (const computer of this.#computers()) {
      const { id, role } = computer;
      known.add(id);
      if (role === 'mover' ? presence.isMoverOnline(id) : connections.held(id)) there.push(computer);
    }
    fleet.retain(known);
    const turns = new Semaphore(maxParallelContacts);
    const answers = await Promise.all(
      there.map(async (computer) => {
        using _turn = await turns.acquire(signal);
        const report = await this.#ask(computer, signal);
        if (!report) return [];
        return [{ id: computer.id, role: computer.role, report: withoutFuture(report, clock.now()) }];
      }),
    );
    fleet.add(answers.flat());
  }

  /** What Prometheus reads. */
  async text(): Promise<string> {
    const { fleet, history, presence, startedAt, work } = this.#parts;
    const [computers, databaseMs, jobs, queue, notifications, repositories] = await Promise.all([
      Array.fromAsync(this.#computers()),
      work.databaseMs(),
      work.jobs(),
      work.queue(),
      work.notifications(),
      work.repositories(),
    ]);
    return metricsText({
      roles: [{ role: 'server', answering: 1, ...history.report() }, ...fleet.roles()],
      computers: computers.map((row) => computerView(row, presence.isOnline(row))),
      startedAt,
      work: { databaseMs, jobs, queue, notifications, repositories },
    });
  }

  async *#computers(): AsyncGenerator<ComputerRow> {
    const { catalogue } = this.#parts;
    for (const tenant of await catalogue.tenants()) yield* everyComputer(catalogue.tenant(tenant));
  }

  /** One that does not answer, or with something else, is not in the metrics, and stops nobody. */
  async #ask(computer: ComputerRow, signal: AbortSignal): Promise<ChannelReport | undefined> {
    try {
      return channelReportOf((await askComputer(this.#parts, computer, signal)).report);
    } catch (error) {
      signal.throwIfAborted();
      this.#parts.logger.debug({ computer: computer.id, error: toHoldfastError(error) }, 'no counts of channel use');
      return undefined;
    }
  }
}
