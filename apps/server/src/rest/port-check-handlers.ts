import { type Plan, planTopology } from '@holdfast/contract/plan';
import type { TopologyDocument } from '@holdfast/contract/topology/schema';
import { type Clock, HoldfastError } from '@holdfast/core';
import type { AuditResult, CheckResult } from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { listComputers } from '../computers/computers.ts';
import { inventoryTopology } from '../inventory-topology.ts';
import { sentPlanBounds } from '../network/limits.ts';
import type { Known } from '../network/network-map.ts';
import { attemptsOf } from '../port-checks/attempts.ts';
import { type AuditJob, prepareAudit, unaudited } from '../port-checks/audit.ts';
import { runCheck } from '../port-checks/check.ts';
import { type Fleet, fleetOf } from '../port-checks/fleet.ts';
import { FleetWorks } from '../port-checks/fleet-work.ts';
import { type LeftOut, parseInventory } from '../port-checks/parse-inventory.ts';
import type { PortPeers } from '../port-checks/port-peers.ts';
import type { RestHandlers } from './rest-app.ts';
import type { Listening } from './server-handlers.ts';

type PortRoutes =
  | 'createPortCheck'
  | 'portChecks'
  | 'portCheck'
  | 'portCheckResults'
  | 'cancelPortCheck'
  | 'createPortAudit'
  | 'portAudits'
  | 'portAudit'
  | 'portAuditResults'
  | 'cancelPortAudit';

const maxShownStrangers = 20;

/** Checks and audits of the fleet. Disposing ends those that run. */
export function portCheckHandlers(o: {
  peers: PortPeers;
  clock: Clock;
  logger: Logger;
  listening: () => readonly Listening[];
  countsOf: AuditJob['countsOf'];
}): {
  readonly handlers: Pick<RestHandlers, PortRoutes>;
  readonly planned: (scope: TenantScope, asked: Asked) => Promise<Planned>;
  readonly findings: (tenant: string) => FleetFindings;
} & AsyncDisposable {
  const { peers, clock, logger } = o;
  const checks = new FleetWorks<CheckResult>({ what: 'check', clock, logger });
  const audits = new FleetWorks<AuditResult>({ what: 'audit', clock, logger });
  const cancelled = new HoldfastError('run.cancelled', { message: 'It was cancelled on request.' });
  const planned = (scope: TenantScope, body: Asked): Promise<Planned> => planFleet(scope, body, o.listening());
  const handlers: Pick<RestHandlers, PortRoutes> = {
    createPortCheck: ({ scope, body }) =>
      checks.start(scope.tenant, async (work) => {
        const { triedPorts } = await import('@holdfast/wire/probe');
        const { plan, fleet, hosts, leftOut, notes } = await planned(scope, body);
        const { attempts, unchecked } = attemptsOf(onlyFlows(plan, body.flows), fleet, {
          triedPorts: (range) => triedPorts(range, body.allPorts),
          hosts,
        });
        work.notes.push(...notes);
        work.total = attempts.length;
        for (const one of unchecked) work.add('unchecked', one);
        for (const { name, reason } of leftOut)
          work.add('unchecked', {
            ...{ from: name, to: name, outcome: 'unchecked', tried: 0, channels: [], diagnoses: [] },
            reason,
          });
        const { payloadBytes, idleMs } = body;
        const anyAddress = body.topology === undefined;
        return (signal) => runCheck(attempts, { work, scope, peers, clock, payloadBytes, idleMs, anyAddress, signal });
      }),
    portChecks: async ({ scope }) => ({ checks: checks.list(scope.tenant) }),
    portCheck: async ({ scope, params }) => checks.find(scope.tenant, params.id).view(),
    portCheckResults: async ({ scope, params, query }) => checks.find(scope.tenant, params.id).page(query),
    cancelPortCheck: async ({ scope, params }) => {
      const work = checks.find(scope.tenant, params.id);
      work.cancel(cancelled);
      return work.view();
    },
    createPortAudit: ({ scope, body }) =>
      audits.start(scope.tenant, async (work) => {
        const { plan, fleet, hosts, leftOut, notes } = await planned(scope, body);
        const { total, run } = prepareAudit(plan, fleet, hosts);
        work.notes.push(...notes);
        work.total = total;
        for (const { name, reason } of leftOut)
          work.add('unchecked', unaudited(name, new HoldfastError('topology.invalid', { message: `${reason}.` })));
        const { otherwise, unused, unusedForMs } = body;
        const { countsOf } = o;
        return (signal) => run({ work, scope, peers, clock, otherwise, unused, unusedForMs, countsOf, signal });
      }),
    portAudits: async ({ scope }) => ({ audits: audits.list(scope.tenant) }),
    portAudit: async ({ scope, params }) => audits.find(scope.tenant, params.id).view(),
    portAuditResults: async ({ scope, params, query }) => audits.find(scope.tenant, params.id).page(query),
    cancelPortAudit: async ({ scope, params }) => {
      const work = audits.find(scope.tenant, params.id);
      work.cancel(cancelled);
      return work.view();
    },
  };
  return {
    handlers,
    planned,
    findings: (tenant) => {
      const [check] = checks.list(tenant);
      const [audit] = ended(audits, tenant);
      return { check, endedChecks: [...ended(checks, tenant)], audit };
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([checks[Symbol.asyncDispose](), audits[Symbol.asyncDispose]()]);
    },
  };
}

/** What the last checks and the last audit have found. */
export type FleetFindings = Pick<Known, 'check' | 'endedChecks' | 'audit'>;

/** The newest first. */
function* ended<Result>(works: FleetWorks<Result>, tenant: string) {
  for (const view of works.list(tenant)) {
    const { id, endedAt } = view;
    if (endedAt !== undefined) yield { id, endedAt, view, results: works.find(tenant, id).results() };
  }
}

/** Throws `request.missing` for an id that no opening of the plan has. */
function onlyFlows(plan: Plan, ids: readonly string[] | undefined): Plan {
  if (!ids) return plan;
  const [asked, known] = [new Set(ids), new Set(plan.flows.map(({ id }) => id))];
  const unknown = ids.find((id) => !known.has(id));
  if (unknown === undefined) return { ...plan, flows: plan.flows.filter(({ id }) => asked.has(id)) };
  throw new HoldfastError('request.missing', {
    message: `The plan has no opening ${unknown}.`,
    guidance: 'Openings are called otherwise once the fleet has changed; `holdfast ports plan` prints them.',
  });
}

interface Asked {
  readonly topology?: TopologyDocument | undefined;
  readonly hosts?: readonly string[] | undefined;
  readonly includePlanned: boolean;
}

interface Planned {
  readonly plan: Plan;
  readonly zones: Known['zones'];
  readonly fleet: Fleet;
  readonly hosts: ReadonlySet<string> | undefined;
  /** What of the inventory is not in the plan. */
  readonly leftOut: readonly LeftOut[];
  readonly notes: readonly string[];
}

/** The plan of the topology that was sent, or of the server's own inventory, and who of it has joined. */
export async function planFleet(scope: TenantScope, asked: Asked, listening: readonly Listening[]): Promise<Planned> {
  const document = asked.topology ?? (await inventoryTopology(scope, { listening, name: 'holdfast' }));
  const { plan, zones, leftOut } = await planOf(document, asked);
  const fleet = fleetOf(plan, await listComputers(scope));
  const known = new Set(plan.hosts.map(({ name }) => name));
  const isAsked = ({ name }: LeftOut): boolean => asked.hosts?.includes(name) ?? true;
  const unknown = asked.hosts?.find((name) => !known.has(name) && !leftOut.some((one) => one.name === name));
  if (unknown !== undefined)
    throw new HoldfastError('request.missing', {
      message: `The plan has no host ${unknown}.`,
      guidance: `It has: ${[...known].slice(0, 20).join(', ')}${known.size > 20 ? ' …' : ''}.`,
    });
  const { strangers } = fleet;
  const shown = strangers.slice(0, maxShownStrangers).join(', ');
  const more = strangers.length > maxShownStrangers ? ` and ${strangers.length - maxShownStrangers} more` : '';
  const notes =
    strangers.length === 0
      ? []
      : [`These have joined the server, and no host of the topology is one of them: ${shown}${more}.`];
  return { plan, zones, fleet, hosts: asked.hosts && new Set(asked.hosts), leftOut: leftOut.filter(isAsked), notes };
}

async function planOf(
  document: TopologyDocument,
  { topology, includePlanned }: Asked,
): Promise<Pick<Planned, 'plan' | 'zones' | 'leftOut'>> {
  // The parser is loaded where it is needed.
  const { parseTopologyJson, readTopologyJson } = await import('@holdfast/contract/topology');
  const parsed = topology
    ? { topology: parseTopologyJson(JSON.stringify(document), 'topology'), leftOut: [] }
    : parseInventory(document, readTopologyJson);
  return {
    plan: planTopology(parsed.topology, { includePlanned, ...(topology ? { bounds: sentPlanBounds } : {}) }),
    zones: parsed.topology.zones.map(({ name, nat }) => ({ name, nat: Boolean(nat) })),
    leftOut: parsed.leftOut,
  };
}
