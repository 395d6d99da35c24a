import type { Clock } from '@holdfast/core';
import type { AgentConnections } from '../computers/agent-connections.ts';
import type { EventHub } from '../event-hub.ts';
import { loadJob, settingsOf } from '../jobs/job-rows.ts';
import { mayKeepLess } from '../jobs/retention-change.ts';
import {
  agentsOf,
  asJob,
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

export function policyHandlers(o: {
  queue: RunQueue;
  events: EventHub;
  vault: Vault;
  connections: AgentConnections;
  clock: Clock;
}): Pick<
  RestHandlers,
  'createPolicy' | 'policies' | 'policy' | 'policyComputers' | 'changePolicy' | 'deletePolicy' | 'runPolicy'
> {
  const { connections, clock } = o;
  return {
    createPolicy: async ({ scope, body, requireApproval }) => {
      if (await mayKeepLess(scope, { after: asJob(body) })) await requireApproval();
      const row = await createPolicy(scope, body, clock);
      connections.tellPoliciesChanged(await agentsOf(scope, row));
      return policyView(scope, row, clock.now());
    },
    policies: ({ scope, query }) => pageOfPolicies(scope, query, clock.now()),
    policy: async ({ scope, params }) => policyView(scope, await loadJob(scope, params.id, 'policy'), clock.now()),
    policyComputers: ({ scope, params, query }) => pageOfPolicyComputers(scope, params.id, query),
    changePolicy: async ({ scope, params, body, requireApproval }) => {
      const before = settingsOf(await loadJob(scope, params.id, 'policy'));
      if (await mayKeepLess(scope, { before, after: asJob(body) })) await requireApproval();
      const { row, agents } = await changePolicy(scope, { id: params.id, settings: body }, clock);
      connections.tellPoliciesChanged(agents);
      return policyView(scope, row, clock.now());
    },
    deletePolicy: async ({ scope, params, note, requireApproval }) => {
      const before = settingsOf(await loadJob(scope, params.id, 'policy'));
      note({ details: { name: before.name } });
      if (await mayKeepLess(scope, { before })) await requireApproval();
      connections.tellPoliciesChanged(await deletePolicy(scope, params.id));
      return {};
    },
    runPolicy: ({ scope, params, body }) =>
      runNow(scope, { ...o, id: params.id, kind: 'policy', computers: body.computers }),
  };
}
