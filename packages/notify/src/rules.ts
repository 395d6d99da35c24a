import type { NotifyConfig } from './configuration.ts';
import { type NotificationEvent, severities, severityOf } from './event.ts';

type Who = Pick<NotifyConfig, 'destinations' | 'rules' | 'dailySummary'>;

/** Names of the destinations that get the event, each once. A trial goes nowhere by itself. */
export function destinationsOf(event: NotificationEvent, config: Who): readonly string[] {
  const everywhere = Object.keys(config.destinations);
  const { kind } = event;
  if (kind === 'trial' || kind === 'several') return [];
  if (kind === 'daily-summary') return config.dailySummary?.send ?? everywhere;
  const rules = config.rules ?? [{ atLeast: 'warning' as const, send: everywhere, events: undefined }];
  const severity = severities.indexOf(severityOf(event));
  return [
    ...new Set(
      rules
        .filter(({ events, atLeast }) => severity >= severities.indexOf(atLeast) && (events?.includes(kind) ?? true))
        .flatMap(({ send }) => send),
    ),
  ];
}
