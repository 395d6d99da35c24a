import type { Clock } from '@holdfast/core';
import type { Movers } from '../computers/movers.ts';
import { revocationPushMs } from '../limits.ts';
import { changeRule, createRule, deleteRule, loadRule, pageOfRules, ruleView } from '../network/bandwidth-rules.ts';
import type { RestHandlers } from './rest-app.ts';

export function bandwidthRuleHandlers(o: {
  movers: Movers;
  clock: Clock;
}): Pick<
  RestHandlers,
  'createBandwidthRule' | 'bandwidthRules' | 'bandwidthRule' | 'changeBandwidthRule' | 'deleteBandwidthRule'
> {
  const { movers, clock } = o;
  /** Movers that can't be reached now are told at the next contact; nobody has to wait for their time-outs. */
  const tellMovers = async (): Promise<void> => {
    await Promise.race([movers.pushTrust(), clock.sleep(revocationPushMs)]);
  };
  return {
    createBandwidthRule: async ({ scope, body }) => {
      const view = ruleView(await createRule(scope, body, clock));
      await tellMovers();
      return view;
    },
    bandwidthRules: ({ scope, query }) => pageOfRules(scope, query),
    bandwidthRule: async ({ scope, params }) => ruleView(await loadRule(scope, params.id)),
    changeBandwidthRule: async ({ scope, params, body, requireUnchanged }) => {
      const view = ruleView(await changeRule(scope, { id: params.id, settings: body, requireUnchanged }, clock));
      await tellMovers();
      return view;
    },
    deleteBandwidthRule: async ({ scope, params, requireUnchanged }) => {
      await deleteRule(scope, { id: params.id, requireUnchanged });
      await tellMovers();
      return {};
    },
  };
}
