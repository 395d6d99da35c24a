import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { notifyConfigSchema, secretsOf } from '@holdfast/notify/schemas';
import { type NotificationView, parseErrorReport } from '@holdfast/protocol';
import { stringify } from 'yaml';
import { counted, print, printJson, printText, shownTime } from '../output.ts';
import { checkedConfiguration } from '../roles/configuration.ts';
import { readSecret } from '../stand-alone/notifications.ts';
import { errorText } from '../terminal.ts';
import type { ServerWork } from './perform-with-server.ts';
import type { ServerOptions } from './server-options.ts';

export async function showSettings(options: ServerOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const { settings, secrets } = await client.call('notificationSettings', { signal });
  if (options.json) await printJson({ kind: 'notify settings', settings, secrets });
  else if (settings) await printText(stringify(settings));
  else
    await printText(
      'Nobody is notified. `holdfast notify set FILE` says who is; docs/notifications.md has an example.\n',
    );
  return exitStatus.success;
}

/** The file is one as stand-alone computers have it; the server gets what is in the files that it names, under their paths. */
export async function setSettings(
  file: string,
  options: ServerOptions & { readonly keepSecrets?: boolean },
  { client, signal }: ServerWork,
): Promise<ExitStatus> {
  const settings = await checkedConfiguration(notifyConfigSchema, file);
  const kept = options.keepSecrets ? (await client.call('notificationSettings', { signal })).secrets : [];
  const secrets: Record<string, string> = {};
  for (const path of secretsOf(settings)) if (!kept.includes(path)) secrets[path] = await readSecret(path);
  const answer = await client.call('setNotificationSettings', { body: { settings, secrets }, signal });
  const destinations = Object.keys(settings.destinations);
  if (options.json) await printJson({ kind: 'notify settings', ...answer });
  else await print(`Set: ${destinations.join(', ')}. \`holdfast notify test\` sends a trial to each.\n`);
  return exitStatus.success;
}

export async function deleteSettings(
  options: ServerOptions & { readonly yes?: boolean },
  { client, signal }: ServerWork,
): Promise<ExitStatus> {
  if (!options.yes)
    throw new HoldfastError('usage.option', {
      message: 'This would forget who is notified, with all that waits and the secrets; nothing was done.',
      guidance: 'Say --yes if you mean it.',
    });
  await client.call('deleteNotificationSettings', { signal });
  if (options.json) await printJson({ kind: 'notify off' });
  else await print('Nobody is notified any more.\n');
  return exitStatus.success;
}

export async function tryNotifications(
  options: ServerOptions & { readonly to?: string },
  { client, view, signal }: ServerWork,
): Promise<ExitStatus> {
  const body = options.to === undefined ? {} : { destination: options.to };
  const { results } = await client.call('tryNotifications', { body, signal });
  if (options.json) await printJson({ kind: 'notify test', results });
  else
    for (const { destination, recipient, error } of results) {
      const place = recipient === undefined ? destination : `${destination} (${recipient})`;
      const known = parseErrorReport(error);
      if (known) view.note(`${place}: not sent\n${errorText(known).trimEnd()}`);
      else await print(`${place}: sent\n`);
    }
  return results.every(({ sent }) => sent) ? exitStatus.success : exitStatus.failed;
}

export async function retryNotifications(
  ids: readonly string[],
  options: ServerOptions,
  { client, signal }: ServerWork,
): Promise<ExitStatus> {
  const { due } = await client.call('retryNotifications', { body: ids.length === 0 ? {} : { ids: [...ids] }, signal });
  if (options.json) await printJson({ kind: 'notify retry', due });
  else await print(`${counted(due, 'notification')} will be sent now\n`);
  return exitStatus.success;
}

export async function listNotifications(options: ServerOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const inState = (state: NotificationView['state']) => client.list('notifications', { query: { state }, signal });
  const [waiting, givenUp] = [await inState('waiting'), await inState('given-up')];
  if (options.json) {
    await printJson({ kind: 'notify list', waiting, givenUp });
    return exitStatus.success;
  }
  const lines = [
    `${counted(waiting.length, 'notification')} waiting`,
    ...waiting.flatMap((one) => entryLines(one, `next attempt ${shownTime(one.dueAt ?? one.createdAt)}`)),
    `${counted(givenUp.length, 'notification')} given up`,
    ...givenUp.flatMap((one) => entryLines(one, `after ${counted(one.attempts, 'attempt')}`)),
  ];
  await printText(`${lines.join('\n')}\n`);
  return exitStatus.success;
}

function entryLines(one: NotificationView, state: string): string[] {
  const to = one.recipient === undefined ? one.destination : `${one.destination} (${one.recipient})`;
  const why = one.lastError ? [`      ${one.lastError.message}`, `      What to do: ${one.lastError.guidance}`] : [];
  return [`  ${one.id}  ${one.subject}`, `      to ${to}, of ${shownTime(one.createdAt)}, ${state}`, ...why];
}
