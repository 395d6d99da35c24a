import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { agentRole } from '@holdfast/contract';
import { errnoOf, HoldfastError, systemClock } from '@holdfast/core';
import { notifyConfigSchema, ownTimeZone, StandAloneNotifications } from '@holdfast/notify';
import { createWire } from '@holdfast/wire';
import { defaultDataDirectory, resolvePath } from '../data-directory.ts';
import { checkedConfiguration } from '../roles/configuration.ts';

/** Opens what a computer without a server tells others; closed with the stack. Throws `usage.configuration`. */
export async function openNotifications(
  o: { readonly config: string; readonly data: string | undefined; readonly computer?: string | undefined },
  resources: AsyncDisposableStack,
): Promise<StandAloneNotifications> {
  const config = await checkedConfiguration(notifyConfigSchema, o.config);
  const folder = o.data === undefined ? join(defaultDataDirectory(), 'notify') : resolvePath(o.data);
  const role = agentRole(process.platform);
  const wire = resources.use(createWire({ role, bind: '127.0.0.1' }));
  try {
    return await StandAloneNotifications.open({
      ...{ config, folder, computer: config.name ?? o.computer ?? hostname() },
      context: { wire, role, clock: systemClock, timeZone: config.timeZone ?? ownTimeZone(), readFile: readSecret },
    });
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw new HoldfastError('usage.configuration', {
      message: `The folder of notifications ${folder} cannot be used (${errnoOf(error)}).`,
      guidance: 'Give one that this user may write with --notify-data.',
      cause: error,
    });
  }
}

/** What a file holds, without the end of its last line. @throws usage.configuration */
export async function readSecret(path: string): Promise<string> {
  try {
    return (await readFile(resolvePath(path), 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    throw new HoldfastError('usage.configuration', {
      message: `${path}, which the configuration of notifications names, could not be read (${errnoOf(error) ?? String(error)}).`,
      guidance: 'Check the path and its permissions.',
      cause: error,
    });
  }
}
