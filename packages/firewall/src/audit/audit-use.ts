import { countedAs, countedBy } from '@holdfast/contract';
import type { Table } from '../ruleset/ruleset.ts';
import { adviceOnUnused, examples, isLeased, openingText, reasonOf } from './audit-firewall.ts';
import type { Finding } from './finding.ts';
import type { HostOpenings, Opening } from './openings.ts';

/** What one program of ours has counted on the host. Times are ISO 8601 in UTC. */
export interface CountedUse {
  /** server, mover or agent. */
  readonly process: string;
  readonly since: string;
  readonly traffic: readonly {
    readonly channel: string;
    readonly direction: 'in' | 'out';
    readonly lastUsedAt: string;
  }[];
  readonly refusals: readonly {
    readonly channel: string;
    readonly direction: 'in' | 'out';
    readonly reason: string;
    readonly lastAt: string;
  }[];
}

export interface UseAudit {
  readonly openings: HostOpenings;
  readonly reports: readonly CountedUse[];
  /** How long an opening may be without a connection. */
  readonly forMs: number;
  readonly now: Date;
  /** What sessions open for themselves is no opening that stands. */
  readonly tables?: readonly Table[];
}

type Verdict =
  | { readonly kind: 'used' | 'uncounted' | 'uncovered' }
  | { readonly kind: 'young'; readonly since: string }
  | { readonly kind: 'tried'; readonly reason: string; readonly at: string }
  | { readonly kind: 'unused'; readonly lastUsedAt: string | undefined; readonly since: string };

/**
 * Openings along whose channels nothing has come or gone for so long. Channels are counted, not peers: an opening for several
 * computers is used if one of them uses it. What cannot be told is said, and is no finding.
 */
export function auditUse(audit: UseAudit): {
  readonly findings: readonly Finding[];
  readonly notes: readonly string[];
} {
  const { openings, tables = [], forMs } = audit;
  const findings: Finding[] = [];
  const doubtful = new Map<string, string[]>();
  for (const opening of openings.all) {
    if (isLeased(tables, opening)) continue;
    const verdict = judge(audit, opening);
    const text = openingText(opening);
    const note = noteOf(audit, opening, verdict);
    if (note !== undefined) doubtful.set(note, [...(doubtful.get(note) ?? []), text]);
    else if (verdict.kind === 'unused')
      findings.push({
        kind: 'opening-unused',
        subject: text,
        message: `No connection along ${reasonOf(opening)} for ${spanText(forMs)}: ${
          verdict.lastUsedAt === undefined
            ? `none since ${verdict.since}, when counting began`
            : `the last one was at ${verdict.lastUsedAt}`
        }.`,
        advice: adviceOnUnused(opening),
      });
  }
  return { findings, notes: [...doubtful].map(([note, texts]) => `${examples(texts)}: ${note}`) };
}

function judge({ reports, forMs, now }: UseAudit, { flow, direction }: Opening): Verdict {
  const end = direction === 'in' ? 'to' : 'from';
  const counted = flow.channels.filter((id) => countedBy(end, id) !== undefined);
  if (counted.length === 0) return { kind: 'uncounted' };
  const wanted = new Set<string>(counted.flatMap(countedAs));
  const oldest = new Date(now.getTime() - forMs).toISOString();
  const isAbout = (one: { readonly channel: string; readonly direction: 'in' | 'out' }): boolean =>
    one.direction === direction && wanted.has(one.channel);
  const lastUsedAt = latest(reports.flatMap(({ traffic }) => traffic.filter(isAbout).map((one) => one.lastUsedAt)));
  if (lastUsedAt !== undefined && lastUsedAt >= oldest) return { kind: 'used' };
  // Not being let through is no reason to close it for good.
  const tried = reports
    .flatMap(({ refusals }) => refusals)
    .filter((one) => direction === 'out' && isAbout(one) && one.lastAt >= oldest);
  const [failure] = tried.sort((a, b) => (a.lastAt < b.lastAt ? 1 : -1));
  if (failure) return { kind: 'tried', reason: failure.reason, at: failure.lastAt };
  const programs = new Set(counted.map((id) => countedBy(end, id)));
  const began = [...programs].map((program) => reports.find(({ process }) => process === program)?.since);
  if (began.includes(undefined)) return { kind: 'uncovered' };
  const since = latest(began.filter((one) => one !== undefined)) ?? oldest;
  return since > oldest ? { kind: 'young', since } : { kind: 'unused', lastUsedAt, since };
}

function latest(times: readonly string[]): string | undefined {
  return [...times].sort().at(-1);
}

/** Why it is no finding, where something has to be said. */
function noteOf({ forMs }: UseAudit, { flow, direction }: Opening, verdict: Verdict): string | undefined {
  const end = direction === 'in' ? 'to' : 'from';
  switch (verdict.kind) {
    case 'uncounted':
      return 'whether that is used Holdfast does not count; with --unused the counters of the firewall tell.';
    case 'uncovered': {
      const programs = [...new Set(flow.channels.flatMap((id) => countedBy(end, id) ?? []))].join(' and ');
      return `no counts of the ${programs} were found here, so that nobody can tell.`;
    }
    case 'young': {
      const from = new Date(Date.parse(verdict.since) + forMs).toISOString();
      return `not used yet, but counting began at ${verdict.since} only: ask again after ${from}.`;
    }
    case 'tried':
      return `dialled in vain, the last time at ${verdict.at} (${verdict.reason}): \`holdfast ports check\` says more.`;
    case 'unused': {
      const isStandIn = flow.channels.every((id) => countedBy(end, id) === undefined || flow.fallbackFor.includes(id));
      return isStandIn ? 'not used, which is no reason to close it: it stands in where others are blocked.' : undefined;
    }
    case 'used':
      return undefined;
  }
}

function spanText(ms: number): string {
  const days = ms / 86_400_000;
  if (Number.isInteger(days)) return days === 1 ? 'a day' : `${days} days`;
  return `${Math.round(ms / 60_000)} minutes`;
}
