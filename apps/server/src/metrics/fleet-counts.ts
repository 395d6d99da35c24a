import { addCounts, type ChannelCounts, type ChannelReport } from '@holdfast/wire';

/** What the processes of one role did along the channels. */
export interface RoleCounts extends ChannelCounts {
  readonly role: string;
  /** Processes that answered when they were asked last. */
  readonly answering: number;
}

/**
 * Adds up what the computers of a fleet report, by role: how large the fleet is makes no difference to the number of values.
 * Reports count from when a computer began; the sums from when this process began, and never go back: a computer that leaves
 * takes nothing with it, and one that counts anew, or lost some minutes in a crash, takes nothing away.
 */
export class FleetCounts {
  readonly #last = new Map<string, { readonly role: string; readonly report: ChannelReport }>();
  readonly #sums = new Map<string, ChannelCounts>();
  #answering: ReadonlySet<string> = new Set();

  /** One round: what every computer that could be asked has answered. */
  add(answers: readonly { readonly id: string; readonly role: string; readonly report: ChannelReport }[]): void {
    for (const { id, role, report } of answers) {
      const before = this.#last.get(id)?.report;
      const grown = before === undefined ? sinceNow(report) : growth(before, report);
      this.#sums.set(role, addCounts(this.#sums.get(role) ?? { traffic: [], refusals: [] }, grown));
      this.#last.set(id, { role, report });
    }
    this.#answering = new Set(answers.map(({ id }) => id));
  }

  /** Computers that are gone for good need not be remembered. */
  retain(ids: ReadonlySet<string>): void {
    for (const id of this.#last.keys()) if (!ids.has(id)) this.#last.delete(id);
  }

  /** The latest report of a computer that may not answer now. */
  reportOf(id: string): ChannelReport | undefined {
    return this.#last.get(id)?.report;
  }

  roles(): readonly RoleCounts[] {
    return [...this.#sums].map(([role, sums]) => {
      const open = new Map<string, number>();
      const answering = [...this.#last].filter(([id, last]) => last.role === role && this.#answering.has(id));
      for (const [, { report }] of answering)
        for (const one of report.traffic) open.set(keyOf(one), (open.get(keyOf(one)) ?? 0) + one.openConnections);
      const traffic = sums.traffic.map((one) => ({ ...one, openConnections: open.get(keyOf(one)) ?? 0 }));
      return { role, answering: answering.length, traffic, refusals: sums.refusals };
    });
  }
}

function keyOf({ channel, direction, peer }: ChannelCounts['traffic'][number]): string {
  return `${channel} ${direction} ${peer}`;
}

function refusalKeyOf({ channel, direction, reason }: ChannelCounts['refusals'][number]): string {
  return `${channel} ${direction} ${reason}`;
}

/** Everything that the channels have, with nothing counted yet: when they were last used is known. */
function sinceNow({ traffic, refusals }: ChannelCounts): ChannelCounts {
  return {
    traffic: traffic.map((one) => ({ ...one, connections: 0, receivedBytes: 0, sentBytes: 0 })),
    refusals: refusals.map((one) => ({ ...one, count: 0 })),
  };
}

function growth(before: ChannelReport, after: ChannelReport): ChannelCounts {
  if (before.since !== after.since) return after;
  const more = (a: number, b: number): number => Math.max(0, a - b);
  // A report may have thousands of entries.
  const earlier = new Map(before.traffic.map((one) => [keyOf(one), one]));
  const traffic = after.traffic.map((one) => {
    const old = earlier.get(keyOf(one));
    return {
      ...one,
      connections: more(one.connections, old?.connections ?? 0),
      receivedBytes: more(one.receivedBytes, old?.receivedBytes ?? 0),
      sentBytes: more(one.sentBytes, old?.sentBytes ?? 0),
    };
  });
  const earlierRefusals = new Map(before.refusals.map((one) => [refusalKeyOf(one), one]));
  const refusals = after.refusals.map((one) => ({
    ...one,
    count: more(one.count, earlierRefusals.get(refusalKeyOf(one))?.count ?? 0),
  }));
  return { traffic, refusals };
}
