import { randomUUID } from 'node:crypto';
import { eventSchema, type NotificationEvent, severities, severityOf } from './event.ts';
import { maxFoldedEvents } from './limits.ts';
import { messageOf } from './message/message.ts';

/** One event that tells of many, the gravest first and the oldest first among those. Folded ones may be among them. */
export function foldEvents(
  events: readonly [NotificationEvent, ...NotificationEvent[]],
  o: { readonly from: string; readonly now: Date },
): NotificationEvent {
  const lines = events.flatMap((event) => {
    if (event.kind === 'several') return event.events;
    // Times in the lines are given beside them.
    const { subject, problems } = messageOf(event, 'UTC');
    const [first] = problems;
    return [{ at: event.at, severity: severityOf(event), subject: first ? `${subject}: ${first.message}` : subject }];
  });
  const rank = (line: (typeof lines)[number]): number => severities.indexOf(line.severity);
  lines.sort((a, b) => rank(b) - rank(a) || Date.parse(a.at) - Date.parse(b.at));
  const times = events.map((event) => (event.kind === 'several' ? event.since : event.at));
  const gravest = Math.max(...events.map((event) => severities.indexOf(severityOf(event))));
  return eventSchema.parse({
    ...{ kind: 'several', id: randomUUID(), at: o.now.toISOString(), from: o.from },
    since: times.reduce((a, b) => (Date.parse(a) <= Date.parse(b) ? a : b)),
    count: events.reduce((sum, event) => sum + (event.kind === 'several' ? event.count : 1), 0),
    severity: severities[gravest],
    events: lines.slice(0, maxFoldedEvents),
  });
}
