import type { Clock } from '@holdfast/core';
import { readPage, totalOf } from '../catalogue/page.ts';
import { alertView, settleAlert } from '../ransomware/alerts.ts';
import type { RestHandlers } from './rest-app.ts';

export function ransomwareHandlers({
  clock,
}: {
  clock: Clock;
}): Pick<RestHandlers, 'ransomwareAlerts' | 'settleRansomwareAlert'> {
  return {
    ransomwareAlerts: async ({ scope, query }) => {
      let rows = scope.query.selectFrom('ransomwareAlerts').selectAll();
      for (const field of ['state', 'agentId'] as const)
        if (query[field] !== undefined) rows = rows.where(field, '=', query[field]);
      const { items, ...rest } = await readPage(rows, {
        ...query,
        order: { raisedAt: 'text', id: 'text' },
        newestFirst: true,
        view: alertView,
      });
      return { alerts: items, ...rest, ...(await totalOf(rows, query.total)) };
    },
    settleRansomwareAlert: ({ scope, caller, params, body }) =>
      settleAlert(scope, { id: params.id, state: body.state, by: caller.actor, now: clock.now() }),
  };
}
