import { uptime } from 'node:os';
import type { Plan, PlannedHost } from '@holdfast/contract/plan';
import { oneLine, systemClock } from '@holdfast/core';
import { maxPeersTried } from '../limits.ts';
import { readHostRuleset } from '../ruleset/host-ruleset.ts';
import { openSockets } from '../sockets/index.ts';
import { auditFirewall, beyondPlan, isElsewhere } from './audit-firewall.ts';
import { auditSockets } from './audit-sockets.ts';
import { auditUse, type UseAudit } from './audit-use.ts';
import type { Finding } from './finding.ts';
import { isHoldfast } from './holdfast-process.ts';
import { HostOpenings } from './openings.ts';
import { ownAddresses } from './this-host.ts';

export interface HostAudit {
  readonly host: string;
  readonly findings: readonly Finding[];
  /** What limits the audit. */
  readonly notes: readonly string[];
}

export interface AuditOptions {
  readonly otherwise: 'drop' | 'leave';
  readonly unused: boolean;
  /** Counts of channel use, to find openings that nothing has used for so long. */
  readonly use?: Pick<UseAudit, 'reports' | 'forMs'> | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Compares this computer's sockets and firewall with what the plan has for the host. Throws `firewall.unreadable`. Linux only.
 */
export async function auditHost(plan: Plan, host: PlannedHost, options: AuditOptions): Promise<HostAudit> {
  const openings = new HostOpenings(plan, host);
  const own = ownAddresses();
  const tables = await readHostRuleset(options.signal);
  const { sockets, elsewhere } = await openSockets();
  const notes: string[] = [];
  if (isElsewhere(openings, own)) notes.push(`This computer has no address of ${host.name}.`);
  if (openings.all.some(({ peers }) => peers.length > maxPeersTried))
    notes.push(`Of openings for more than ${maxPeersTried} addresses, ${maxPeersTried} are tried, evenly spread.`);
  if (sockets.some(({ state, processes }) => state === 'listening' && processes.length === 0))
    notes.push('Some sockets belong to processes that cannot be seen from here; root sees those of every user.');
  const { leftOut } = beyondPlan({ openings, tables });
  if (leftOut > 0)
    notes.push(
      `The firewall has too many rules to try all ports that they name: ${leftOut}, evenly spread, were left out.`,
    );
  for (const { name, pid } of elsewhere.filter(isHoldfast))
    notes.push(
      `${name} (pid ${pid}) is in another network namespace, which has a firewall of its own. There: nsenter --net --target ${pid} holdfast ports audit …`,
    );
  const startedAt = new Date(systemClock.now().getTime() - Math.round(uptime()) * 1000);
  const findings = [
    ...auditSockets({ openings, sockets, own }),
    ...auditFirewall({ openings, tables, own, startedAt, otherwise: options.otherwise, unused: options.unused }),
  ];
  const now = systemClock.now();
  const use = options.use && auditUse({ ...options.use, openings, tables, now });
  if (use) notes.push(...use.notes);
  return plainly({ host: host.name, findings: [...findings, ...(use?.findings ?? [])], notes });
}

/** Processes, interfaces and foreign rules are called whatever somebody called them, which steers no terminal from here on. */
export function plainly({ host, findings, notes }: HostAudit): HostAudit {
  return {
    host,
    findings: findings.map((one) => ({ ...one, subject: oneLine(one.subject), message: oneLine(one.message) })),
    notes: notes.map(oneLine),
  };
}
