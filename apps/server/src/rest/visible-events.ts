import { toHoldfastError } from '@holdfast/core';
import type { ServerEvent } from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { maxUnfilteredEvents } from '../limits.ts';
import type { EventStream } from './event-stream.ts';

/** Passes on what is of the groups that the scope is confined to, in its order. A stream for which that can't be found out ends. */
export function visibleEvents(
  scope: TenantScope,
  { stream, logger }: { stream: EventStream; logger: Logger },
): (event: ServerEvent) => void {
  if (!scope.groups) return (event) => stream.send(event);
  let waiting = 0;
  let last = Promise.resolve();
  const pass = async (event: ServerEvent): Promise<void> => {
    try {
      if (await isVisible(scope, event)) stream.send(event);
    } catch (error) {
      stream.end();
      logger.error({ error: toHoldfastError(error) }, 'an event could not be filtered');
    } finally {
      waiting -= 1;
    }
  };
  return (event) => {
    waiting += 1;
    if (waiting > maxUnfilteredEvents) stream.end();
    else last = last.then(() => pass(event));
  };
}

async function isVisible({ query }: TenantScope, event: ServerEvent): Promise<boolean> {
  const [table, id] = whereIs(event);
  return (await query.selectFrom(table).select('id').where('id', '=', id).executeTakeFirst()) !== undefined;
}

function whereIs(event: ServerEvent): readonly ['sessions' | 'runs' | 'computers', string] {
  switch (event.kind) {
    case 'session':
      return ['sessions', event.session.id];
    case 'run':
      return ['runs', event.run.id];
    case 'computer':
      return ['computers', event.computer.id];
  }
}
