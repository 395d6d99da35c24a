import { diffPlans, type Plan } from '@holdfast/contract/plan';
import type { TopologyDocument } from '@holdfast/contract/topology/schema';
import { HoldfastError } from '@holdfast/core';
import type { ChannelHistory } from '@holdfast/wire';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { FleetCounts } from '../metrics/fleet-counts.ts';
import { maxComparedPairs, maxRenderedBytes, maxRenderedPairs, maxSentFlows } from '../network/limits.ts';
import { changesOf, type Known, networkMap } from '../network/network-map.ts';
import type { FleetFindings, planFleet } from './port-check-handlers.ts';
import type { RestHandlers } from './rest-app.ts';

type NetworkRoutes = 'networkMap' | 'whatIf' | 'renderers' | 'renderPlan';

/** The contract applied to the fleet, to look at, to try out and to take away. */
export function networkHandlers(o: {
  planned: (scope: TenantScope, asked: Parameters<typeof planFleet>[1]) => ReturnType<typeof planFleet>;
  findings: (tenant: string) => FleetFindings;
  history: Pick<ChannelHistory, 'report'>;
  counts: Pick<FleetCounts, 'reportOf'>;
}): Pick<RestHandlers, NetworkRoutes> {
  async function planOf(
    scope: TenantScope,
    { topology, includePlanned }: { topology?: TopologyDocument | undefined; includePlanned: boolean },
  ) {
    const { plan, fleet, zones, leftOut, notes } = await o.planned(scope, { topology, includePlanned });
    const left = leftOut.map(({ name, reason }) => `${name}: ${reason}.`);
    const known: Known = {
      ...{ fleet, zones, ...o.findings(scope.tenant) },
      ownReport: () => o.history.report(),
      reportOf: (id) => o.counts.reportOf(id),
    };
    return { plan: { ...plan, notes: [...plan.notes, ...notes, ...left] }, known };
  }

  return {
    networkMap: async ({ scope, query }) => {
      const { plan, known } = await planOf(scope, query);
      return networkMap(plan, known);
    },
    whatIf: async ({ scope, body: { topology, before, includePlanned } }) => {
      const present = await planOf(scope, { topology: before, includePlanned });
      const after = await planOf(scope, { topology, includePlanned });
      for (const { plan } of before ? [present, after] : [after]) checkFlows(plan);
      for (const { plan } of [present, after]) checkPairs(plan, maxComparedPairs);
      const { added, removed } = diffPlans(present.plan, after.plan);
      return {
        map: networkMap(after.plan, after.known),
        added: changesOf(added, after.known),
        removed: changesOf(removed, present.known),
      };
    },
    renderers: async () => {
      const { renderers } = await import('@holdfast/contract/firewall');
      return { renderers: renderers.map(({ id, title, scope }) => ({ id, title, scope })) };
    },
    renderPlan: async ({ scope, body }) => {
      const { findRenderer, renderers } = await import('@holdfast/contract/firewall');
      const renderer = findRenderer(body.format);
      if (!renderer)
        throw new HoldfastError('request.invalid', {
          message: `There is no format ${body.format}.`,
          guidance: `Formats: ${renderers.map(({ id }) => id).join(', ')}.`,
        });
      const { plan } = await planOf(scope, body);
      const { otherwise, host, zones, leases, owner, expires } = body;
      if (renderer.scope === 'host' && host === undefined) checkPairs(plan, maxRenderedPairs);
      if (host !== undefined && !plan.hosts.some(({ name, managed }) => managed && name === host))
        throw new HoldfastError('request.missing', { message: `There is no host ${host} with rules of its own.` });
      const { files, removal, widenings } = await renderer.render(plan, {
        ...{ otherwise, leases },
        ...(host === undefined ? {} : { host }),
        ...(zones === undefined ? {} : { zones }),
        request: { ...(owner === undefined ? {} : { owner }), ...(expires === undefined ? {} : { expires }) },
      });
      const contents = [...files, ...removal].map(({ content }) => Buffer.from(content as string).length);
      const bytes = contents.reduce((sum, length) => sum + length, 0);
      if (bytes > maxRenderedBytes)
        throw new HoldfastError('internal.limit', {
          message: `The rendering has ${bytes} bytes, more than an answer holds.`,
          guidance: 'Render it for one host, or with `holdfast ports plan --format`.',
        });
      const view = ({ path, content }: (typeof files)[number]) => ({
        path,
        base64: Buffer.from(content as string).toString('base64'),
      });
      return { files: files.map(view), removal: removal.map(view), widenings: [...widenings] };
    },
  };
}

/** Throws `internal.limit`. */
function checkFlows({ flows }: Plan): void {
  if (flows.length > maxSentFlows) throw tooLarge(`${flows.length} flows`, maxSentFlows);
}

/** What compares hosts, or writes rules for each, looks at each pair of them. Throws `internal.limit`. */
function checkPairs({ flows }: Plan, limit: number): void {
  const pairs = flows.reduce((sum, { from, to }) => sum + from.length * to.length, 0);
  if (pairs > limit) throw tooLarge(`${pairs} openings between two hosts each`, limit);
}

function tooLarge(what: string, limit: number): HoldfastError {
  return new HoldfastError('internal.limit', {
    message: `The plan has ${what}; the server takes ${limit} for that.`,
    guidance: 'Ask for one host, for a part of the topology, or use `holdfast ports plan` on a computer of your own.',
  });
}
