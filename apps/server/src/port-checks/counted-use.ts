import type { AuditRequest, UseAnswer } from '@holdfast/protocol';
import { askComputer, type ChannelUseParts } from '../rest/channel-use.ts';
import type { Program } from './fleet.ts';

type Counted = NonNullable<AuditRequest['use']>['reports'][number];

/** Of what a program has counted, when each channel was used and refused last, each way: that is all that an audit asks. */
export function countedUse({ process, since, traffic, refusals }: NonNullable<UseAnswer['report']>): Counted {
  return {
    process,
    since,
    traffic: latest(traffic, ({ lastUsedAt }) => lastUsedAt).map(({ channel, direction, lastUsedAt }) => ({
      ...{ channel, direction, lastUsedAt },
    })),
    refusals: latest(refusals, ({ lastAt }) => lastAt).map(({ channel, direction, reason, lastAt }) => ({
      ...{ channel, direction, reason, lastAt },
    })),
  };
}

function latest<One extends { readonly channel: string; readonly direction: 'in' | 'out' }>(
  all: readonly One[],
  timeOf: (one: One) => string,
): readonly One[] {
  const found = new Map<string, One>();
  for (const one of all) {
    const key = `${one.channel} ${one.direction}`;
    const known = found.get(key);
    if (!known || timeOf(known) < timeOf(one)) found.set(key, one);
  }
  return [...found.values()];
}

/** What a program has counted until now; what it said last where it does not answer. */
export function countsFrom(
  parts: Pick<ChannelUseParts, 'history' | 'fleet' | 'movers' | 'connections' | 'clock'>,
): (program: Program, signal: AbortSignal) => Promise<UseAnswer['report']> {
  return async (program, signal) => {
    if (program.process === 'server') return parts.history.report();
    const { computer } = program;
    try {
      return (await askComputer(parts, computer, signal)).report;
    } catch {
      signal.throwIfAborted();
      return parts.fleet.reportOf(computer.id);
    }
  };
}
