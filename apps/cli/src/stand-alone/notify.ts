import { type ExitStatus, exitStatus, HoldfastError, systemClock, toHoldfastError } from '@holdfast/core';
import {
  type Attempt,
  type Notification,
  recipientsOf,
  type StandAloneNotifications,
  subjectOf,
} from '@holdfast/notify';
import type { NotifyOptions } from '../commands/notify.ts';
import { setting } from '../environment.ts';
import { counted, print, printJson, shownTime } from '../output.ts';
import { errorText } from '../terminal.ts';
import type { Work } from '../work.ts';
import { openNotifications } from './notifications.ts';

/** A queue is looked at at least so often: other processes put into it. */
const longestWaitMs = 60_000;

export async function runNotifyTest(options: NotifyOptions & { to?: string }, work: Work): Promise<ExitStatus> {
  const notifications = await opened(options, work);
  const { destinations } = notifications.config;
  const chosen = Object.entries(destinations).filter(([name]) => options.to === undefined || options.to === name);
  if (chosen.length === 0)
    throw new HoldfastError('usage.option', {
      message: `The configuration has no destination ${options.to}; it has ${Object.keys(destinations).join(', ')}.`,
    });
  const results: { destination: string; recipient?: string; sent: boolean; error?: HoldfastError }[] = [];
  for (const [destination, settings] of chosen) {
    for (const recipient of recipientsOf(settings)) {
      const place = { destination, ...(recipient === undefined ? {} : { recipient }) };
      const shown = recipient === undefined ? destination : `${destination} (${recipient})`;
      work.view.status(`Sending to ${shown}`);
      try {
        await notifications.sendTrial({ destination, recipient, signal: work.signal });
        results.push({ ...place, sent: true });
        if (!options.json && !options.quiet) await print(`${shown}: sent\n`);
      } catch (error) {
        work.signal.throwIfAborted();
        const known = toHoldfastError(error);
        results.push({ ...place, sent: false, error: known });
        if (!options.json) work.view.note(`${shown}: not sent\n${errorText(known).trimEnd()}`);
      }
    }
  }
  if (options.json) await printJson({ kind: 'notify test', results });
  return results.every(({ sent }) => sent) ? exitStatus.success : exitStatus.failed;
}

export async function runNotifySend(options: NotifyOptions & { stay?: boolean }, work: Work): Promise<ExitStatus> {
  const notifications = await opened(options, work);
  if (!options.stay) return await send(notifications, options, work);
  for (;;) {
    await notifications.deliver({ signal: work.signal, onAttempt: (attempt) => told(attempt, work) });
    work.signal.throwIfAborted();
    const nextMs = ((await notifications.nextWorkAt())?.getTime() ?? Number.POSITIVE_INFINITY) - Date.now();
    await systemClock.sleep(Math.max(0, Math.min(longestWaitMs, nextMs)), work.signal);
  }
}

export async function runNotifyRetry(ids: readonly string[], options: NotifyOptions, work: Work): Promise<ExitStatus> {
  const notifications = await opened(options, work);
  const revived = await notifications.store.revive({ now: new Date(), ids: ids.length === 0 ? undefined : ids });
  if (ids.length > revived)
    throw new HoldfastError('request.missing', {
      message: `${counted(ids.length - revived, 'notification')} of these is not among those that were given up.`,
      guidance: '`holdfast notify list` shows them with their ids.',
    });
  return await send(notifications, options, work);
}

export async function runNotifyList(options: NotifyOptions, work: Work): Promise<ExitStatus> {
  const { store } = await opened(options, work);
  const [waiting, givenUp] = [await store.waiting(), await store.dead()];
  if (options.json) {
    const form = ({ event, ...rest }: Notification) => ({ ...rest, event: event.kind, subject: subjectOf(event) });
    await printJson({
      kind: 'notify list',
      waiting: waiting.map((one) => ({ ...form(one), dueAt: one.dueAt })),
      givenUp: givenUp.map(form),
    });
    return exitStatus.success;
  }
  const lines = [
    `${counted(waiting.length, 'notification')} waiting`,
    ...waiting.flatMap((one) => entryLines(one, `next attempt ${shownTime(one.dueAt)}`)),
    `${counted(givenUp.length, 'notification')} given up`,
    ...givenUp.flatMap((one) => entryLines(one, `after ${counted(one.attempts, 'attempt')}`)),
  ];
  await print(`${lines.join('\n')}\n`);
  return exitStatus.success;
}

function entryLines(one: Notification, state: string): string[] {
  const to = one.recipient === undefined ? one.destination : `${one.destination} (${one.recipient})`;
  const why = one.lastError ? [`      ${one.lastError.message}`, `      What to do: ${one.lastError.guidance}`] : [];
  return [`  ${one.id}  ${subjectOf(one.event)}`, `      to ${to}, of ${shownTime(one.createdAt)}, ${state}`, ...why];
}

async function opened(options: NotifyOptions, { resources }: Work): Promise<StandAloneNotifications> {
  const config = options.config ?? setting('NOTIFY');
  if (config === undefined)
    throw new HoldfastError('usage.option', {
      message: 'No configuration of notifications was given.',
      guidance: 'Use --config FILE, or the variable HOLDFAST_NOTIFY; docs/notifications.md has an example.',
    });
  return await openNotifications({ config, data: options.notifyData }, resources);
}

async function send(notifications: StandAloneNotifications, options: NotifyOptions, work: Work): Promise<ExitStatus> {
  const counts = { sent: 0, postponed: 0, givenUp: 0 };
  const keys = { sent: 'sent', postponed: 'postponed', 'given-up': 'givenUp' } as const;
  await notifications.deliver({
    signal: work.signal,
    onAttempt: (attempt) => {
      counts[keys[attempt.result.kind]] += 1;
      told(attempt, work);
    },
  });
  work.signal.throwIfAborted();
  if (options.json) await printJson({ kind: 'notify send', ...counts });
  else if (!options.quiet) await print(`${counted(counts.sent, 'notification')} sent\n`);
  return counts.postponed + counts.givenUp === 0 ? exitStatus.success : exitStatus.failed;
}

/** What of an attempt a person has to know. */
export function told({ notification, result }: Attempt, { view }: Pick<Work, 'view'>): void {
  if (result.kind === 'sent') return;
  const to = notification.recipient ?? notification.destination;
  const then = result.kind === 'postponed' ? `is tried again at ${shownTime(result.dueAt)}` : 'is given up';
  view.note(
    `Warning: the notification "${subjectOf(notification.event)}" to ${to} ${then}: ${result.error.message} (${result.error.code})`,
  );
}
