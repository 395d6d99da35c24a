import { channel, isChannelId } from '@holdfast/contract';
import type { LogLevel, RunLogLine } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { readPage } from '../catalogue/page.ts';
import type { RunRecordTables } from '../catalogue/run-record-tables.ts';
import type { EventHub } from '../event-hub.ts';
import { maxListedRows } from '../limits.ts';
import type { RunQueue } from '../runs/run-queue.ts';
import { loadSession } from '../sessions/session-store.ts';
import type { RestHandlers } from './rest-app.ts';

const graver: Readonly<Record<LogLevel, readonly LogLevel[]>> = {
  info: ['info', 'warning', 'error'],
  warning: ['warning', 'error'],
  error: ['error'],
};

/** What happened in runs, and how fast they went. */
export function runLogHandlers(o: {
  queue: RunQueue;
  events: EventHub;
}): Pick<RestHandlers, 'runLog' | 'runLogEvents' | 'runStatistics' | 'sessionLog'> {
  return {
    runLog: async ({ scope, params, query }) => {
      await o.queue.writeLog(scope, params.id);
      const lines = linesOf(scope, query.level).where('runId', '=', params.id);
      const { items, ...rest } = await readPage(lines, { ...query, order: { number: 'number' }, view });
      return { lines: items, ...rest };
    },
    runLogEvents: async ({ scope, params, query, signal }, open) => {
      // Subscribed before what there is is read, so that no line falls between.
      let changed = Promise.withResolvers<void>();
      using _subscription = o.events.subscribe(scope.tenant, {
        onEvent: (event) => {
          if (event.kind === 'run' && event.run.id === params.id) changed.resolve();
        },
        onLog: (runId) => {
          if (runId === params.id) changed.resolve();
        },
        onGap: () => changed.resolve(),
      });
      await o.queue.writeLog(scope, params.id);
      const stream = open();
      let next = (query.after ?? -1) + 1;
      for (;;) {
        // An ended run has all of its log: its end is asked for before.
        const { endedAt } = await o.queue.view(scope, params.id);
        const rows = await linesOf(scope, 'info')
          .where('runId', '=', params.id)
          .where('number', '>=', next)
          .orderBy('number')
          .limit(maxListedRows)
          .execute();
        for (const row of rows) stream.send(view(row));
        next = (rows.at(-1)?.number ?? next - 1) + 1;
        if (endedAt !== undefined) break;
        await stream.waitFor(changed.promise);
        if (signal.aborted) return;
        changed = Promise.withResolvers<void>();
      }
      stream.end();
      await stream.closed;
    },
    runStatistics: async ({ scope, params }) => {
      const { samples, channels } = await o.queue.statistics(scope, params.id);
      return { samples, channels: channels.map((used) => ({ ...used, rows: rowsOf(used.channel) })) };
    },
    sessionLog: async ({ scope, params, query }) => {
      await loadSession(scope, params.id);
      const runs = scope.query.selectFrom('runs').select('id').where('jobSessionId', '=', params.id);
      const lines = linesOf(scope, query.level).where('runId', 'in', runs);
      const order = { at: 'text', runId: 'text', number: 'number' } as const;
      const newestFirst = query.order === 'desc';
      const { items, ...rest } = await readPage(lines, { ...query, order, newestFirst, view });
      return { lines: items, ...rest };
    },
  };
}

function linesOf({ query }: TenantScope, level: LogLevel) {
  return query
    .selectFrom('runLog')
    .selectAll()
    .where('level', 'in', [...graver[level]]);
}

function view(row: Selectable<RunRecordTables['runLog']>): RunLogLine {
  const { runId, number, at, level, process, message } = row;
  return { runId, number, at, level, process, message };
}

function rowsOf(id: string): string[] {
  return isChannelId(id) ? [...channel(id).rows] : [];
}
