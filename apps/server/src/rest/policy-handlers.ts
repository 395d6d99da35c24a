import type { Clock } from '@holdfast/core';
import type { Routes } from '@holdfast/protocol';
import type { AgentConnections } from '../computers/agent-connections.ts';
import type { Movers } from '../computers/movers.ts';
import type { EventHub } from '../event-hub.ts';
import { loadJob, settingsOf } from '../jobs/job-rows.ts';
import type { RequireUnchanged } from '../jobs/jobs.ts';
import { mayKeepLess } from '../jobs/retention-change.ts';
import {
  agentsOf,
  asJob,
  type Concerned,
  changePolicy,
  createPolicy,
  deletePolicy,
  pageOfPolicies,
  pageOfPolicyComputers,
  policyView,
} from '../policies/policies.ts';
import type { RunQueue } from '../runs/run-queue.ts';
import type { Vault } from '../vault.ts';
import { runNow } from './job-handlers.ts';
import type { RestHandlers } from './rest-app.ts';
import type { RestRequest } from './route-runner.ts';

export function policyHandlers(o: {
  queue: RunQueue;
  events: EventHub;
  vault: Vault;
  connections: AgentConnections;
  movers: Movers;
  clock: Clock;
}): Pick<
  RestHandlers,
  'createPolicy' | 'policies' | 'policy' | 'policyComputers' | 'changePolicy' | 'deletePolicy' | 'runPolicy'
> {
  const { connections, movers, clock } = o;
  const tell = (tenant: string, concerned: Concerned): void => {
    movers.tellSoon(tenant, concerned.movers);
    connections.tellPoliciesChanged(tenant, concerned.agents);
  };
  const isAsSeen =
    ({ requireUnchanged }: Pick<RestRequest<Routes['changePolicy']>, 'requireUnchanged'>): RequireUnchanged =>
    async (scope, row) =>
      requireUnchanged(await policyView(scope, row, clock.now()));
  return {
    createPolicy: async ({ scope, body: { managedBy, ...settings }, requireApproval }) => {
      if (await mayKeepLess(scope, { after: asJob(settings) })) await requireApproval();
      const row = await createPolicy(scope, { settings, managedBy }, clock);
      connections.tellPoliciesChanged(scope.tenant, await agentsOf(scope, row));
      return policyView(scope, row, clock.now());
    },
    policies: ({ scope, query }) => pageOfPolicies(scope, query, clock.now()),
    policy: async ({ scope, params }) => policyView(scope, await loadJob(scope, params.id, 'policy'), clock.now()),
    policyComputers: ({ scope, params, query }) => pageOfPolicyComputers(scope, params.id, query),
    changePolicy: async ({ scope, params: { id }, body: { managedBy, ...settings }, requireApproval, ...asked }) => {
      const before = await loadJob(scope, id, 'policy');
      const requireUnchanged = isAsSeen(asked);
      await requireUnchanged(scope, before);
      if (await mayKeepLess(scope, { before: settingsOf(before), after: asJob(settings) })) await requireApproval();
      const change = { id, settings, managedBy, requireUnchanged };
      const { row, ...concerned } = await changePolicy(scope, change, clock);
      tell(scope.tenant, concerned);
      return policyView(scope, row, clock.now());
    },
    deletePolicy: async ({ scope, params: { id }, note, requireApproval, ...asked }) => {
      const row = await loadJob(scope, id, 'policy');
      const before = settingsOf(row);
      note({ details: { name: before.name } });
      const requireUnchanged = isAsSeen(asked);
      await requireUnchanged(scope, row);
      if (await mayKeepLess(scope, { before })) await requireApproval();
      tell(scope.tenant, await deletePolicy(scope, { id, requireUnchanged }, clock));
      return {};
    },
    runPolicy: ({ scope, params, body }) =>
      runNow(scope, { ...o, id: params.id, kind: 'policy', computers: body.computers }),
  };
}
