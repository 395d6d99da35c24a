import type { Clock } from '@holdfast/core';
import { readPage, totalOf } from '../catalogue/page.ts';
import type { EventHub } from '../event-hub.ts';
import { sessionEventMs } from '../limits.ts';
import type { RunQueue } from '../runs/run-queue.ts';
import { sessionView, sessionViews } from '../sessions/session-store.ts';
import type { RestHandlers } from './rest-app.ts';

export function sessionHandlers(o: {
  queue: RunQueue;
  events: EventHub;
  clock: Clock;
}): Pick<RestHandlers, 'sessions' | 'session' | 'sessionEvents' | 'stopSession' | 'retrySession'> {
  return {
    sessions: async ({ scope, query }) => {
      let rows = scope.query.selectFrom('sessions').selectAll();
      if (query.jobId !== undefined) rows = rows.where('jobId', '=', query.jobId);
      if (query.kind !== undefined) rows = rows.where('kind', '=', query.kind);
      if (query.trigger !== undefined) rows = rows.where('trigger', '=', query.trigger);
      if (query.state === 'queued' || query.state === 'running')
        rows = rows.where('state', 'is', null).where('startedAt', query.state === 'queued' ? 'is' : 'is not', null);
      else if (query.state !== undefined) rows = rows.where('state', '=', query.state);
      if (query.createdFrom !== undefined) rows = rows.where('createdAt', '>=', query.createdFrom);
      if (query.createdTo !== undefined) rows = rows.where('createdAt', '<=', query.createdTo);
      const order = { createdAt: 'text', id: 'text' } as const;
      const { items, ...rest } = await readPage(rows, {
        ...query,
        order,
        newestFirst: query.order === 'desc',
        view: (row) => row,
      });
      return { sessions: await sessionViews(scope, items), ...rest, ...(await totalOf(rows, query.total)) };
    },
    session: async ({ scope, params }) => sessionView(scope, params.id),
    sessionEvents: async ({ scope, params, signal }, open) => {
      // Subscribed before the present state is read, so that no change falls between.
      let changed = Promise.withResolvers<void>();
      using _subscription = o.events.subscribe(scope.tenant, (event) => {
        const concerned =
          (event.kind === 'run' && event.run.sessionId === params.id) ||
          (event.kind === 'session' && event.session.id === params.id);
        if (concerned) changed.resolve();
      });
      let view = await sessionView(scope, params.id);
      const stream = open();
      for (;;) {
        stream.send(view);
        if (view.endedAt !== undefined) break;
        await stream.waitFor(changed.promise);
        if (signal.aborted) return;
        changed = Promise.withResolvers<void>();
        view = await sessionView(scope, params.id);
        if (view.endedAt === undefined) await stream.waitFor(o.clock.sleep(sessionEventMs, signal));
      }
      stream.end();
      await stream.closed;
    },
    stopSession: async ({ scope, params, body }) => o.queue.stopSession(scope, params.id, body.how),
    retrySession: async ({ scope, params }) => o.queue.retrySession(scope, params.id),
  };
}
