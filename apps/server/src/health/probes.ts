import { statfs } from 'node:fs/promises';
import { type Clock, formatBytes, formatDuration, HoldfastError } from '@holdfast/core';
import { localTenant } from '@holdfast/protocol';
import { identityOf } from '@holdfast/wire';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { listComputers } from '../computers/computers.ts';
import type { Presence } from '../computers/presence.ts';
import { certificateWarningMs } from '../limits.ts';
import type { WorkCounts } from '../metrics/work-counts.ts';
import type { OwnCertificate } from '../own-certificate.ts';
import { kitState } from '../recovery/recovery-kits.ts';
import type { Listening } from '../rest/server-handlers.ts';
import type { Vault } from '../vault.ts';
import type { Finding, Probes } from './health.ts';
import {
  clockJumpMs,
  diskFailedBytes,
  diskWarningBytes,
  lateNotificationMs,
  lateScheduleMs,
  longQueueMs,
  maxNamedInHealth,
  slowDatabaseMs,
} from './limits.ts';

const ok = (reason: string): Finding => ({ state: 'ok', reason });
const warning = (reason: string): Finding => ({ state: 'warning', reason });
const failed = (reason: string): Finding => ({ state: 'failed', reason });

/** What is looked at to say how the server is. */
export function serverProbes(o: {
  catalogue: Catalogue;
  work: WorkCounts;
  vault: Vault;
  presence: Presence;
  own: OwnCertificate;
  listening: () => readonly Listening[];
  dataDir: string;
  clock: Clock;
}): Probes {
  const { catalogue, clock } = o;
  const started = { wallMs: clock.now().getTime(), monotonicMs: clock.monotonicMs() };
  return {
    database: async () => {
      const ms = await o.work.databaseMs();
      const said = `The catalogue answers in ${formatDuration(ms)}.`;
      return ms > slowDatabaseMs ? warning(said) : ok(said);
    },
    vault: () => {
      const place = { tenant: localTenant, repositoryId: 'health' };
      const isOpen = o.vault.open(o.vault.seal('health', place), place) === 'health';
      return isOpen ? ok('The vault seals and opens.') : failed('The vault does not open what it sealed.');
    },
    listeners: () => {
      const listening = o.listening();
      const moved = listening.filter(({ reason }) => reason !== undefined);
      if (listening.length === 0) return failed('The server listens on no port.');
      return moved.length === 0
        ? ok(`All ${listening.length} channels are listened on at their ports.`)
        : warning(`Not on the usual port: ${named(moved.map(({ channel, port }) => `${channel} on ${port}`))}.`);
    },
    certificates: async () => {
      const identity = o.own.identity;
      if (!identity) return failed('The server has no certificate.');
      const leftMs = identityOf(identity.certificatePem).expiresAt.getTime() - clock.now().getTime();
      const soon = new Date(clock.now().getTime() + certificateWarningMs).toISOString();
      const computers = (await everywhere(catalogue, (scope) => listComputers(scope)))
        .filter(({ revokedAt, certificateExpiresAt }) => revokedAt === null && certificateExpiresAt < soon)
        .map(({ hostname }) => hostname);
      if (leftMs <= 0) return failed("The server's certificate has expired.");
      if (computers.length > 0)
        return warning(`Certificates that expire soon, or have expired, and were not renewed: ${named(computers)}.`);
      return ok(`The server's certificate is good for ${formatDuration(leftMs)}.`);
    },
    movers: async () => {
      const all = (await everywhere(catalogue, (scope) => listComputers(scope, 'mover'))).filter(
        ({ revokedAt }) => revokedAt === null,
      );
      const away = all.filter((mover) => !o.presence.isOnline(mover)).map(({ hostname }) => hostname);
      if (away.length === 0) return ok(`All ${all.length} movers are online.`);
      const said = `${away.length} of ${all.length} movers are offline: ${named(away)}.`;
      return away.length === all.length ? failed(said) : warning(said);
    },
    executor: async () => {
      const bad = await everywhere(catalogue, failedMaintenance);
      return bad.length === 0
        ? ok('No maintenance failed when it was done last.')
        : warning(`Maintenance that failed when it was done last: ${named(bad)}.`);
    },
    schedule: async () => {
      const now = clock.now();
      const dues = await everywhere(catalogue, ({ query }) =>
        query
          .selectFrom('jobs')
          .select('nextDueAt')
          .where('enabled', '=', 1)
          .where('nextDueAt', '<', new Date(now.getTime() - lateScheduleMs).toISOString())
          .orderBy('nextDueAt')
          .limit(1)
          .execute(),
      );
      const oldest = dues.flatMap(({ nextDueAt }) => nextDueAt ?? []).sort()[0];
      if (oldest === undefined) return ok('What is due is begun in time.');
      return warning(`A job has been due for ${formatDuration(now.getTime() - Date.parse(oldest))} and was not begun.`);
    },
    queue: async () => {
      const { runs, oldestWaitMs } = await o.work.queue();
      const count = (state: string): number =>
        runs.filter((some) => some.state === state).reduce((sum, some) => sum + some.count, 0);
      const said = `${count('running')} runs under way, ${count('queued')} waiting`;
      return oldestWaitMs > longQueueMs
        ? warning(`${said}, the first of them for ${formatDuration(oldestWaitMs)}.`)
        : ok(`${said}.`);
    },
    disk: async () => {
      const { bavail, bsize } = await statfs(o.dataDir);
      const freeBytes = bavail * bsize;
      const said = `${formatBytes(freeBytes)} are free where the server keeps its data.`;
      if (freeBytes < diskFailedBytes) return failed(said);
      return freeBytes < diskWarningBytes ? warning(said) : ok(said);
    },
    notifications: async () => {
      const { waiting, givenUp, oldestWaitMs } = await o.work.notifications();
      if (givenUp > 0) return warning(`${givenUp} notifications were given up: \`holdfast notify queue\`.`);
      return oldestWaitMs > lateNotificationMs
        ? warning(`${waiting} notifications wait, the first for ${formatDuration(oldestWaitMs)}.`)
        : ok(`${waiting} notifications wait.`);
    },
    clock: () => {
      const wallMs = clock.now().getTime() - started.wallMs;
      const apartMs = Math.abs(wallMs - (clock.monotonicMs() - started.monotonicMs));
      return apartMs > clockJumpMs
        ? warning(`The clock was set by ${formatDuration(apartMs)} since the server started.`)
        : ok('The clock has gone evenly since the server started.');
    },
    'recovery-kit': async () => {
      // Of those whose server it is. What other tenants have left undone is nobody's to know, nor theirs to mend.
      const state = await kitState(catalogue.tenant(localTenant));
      if (state === 'none')
        return warning(
          'There is no recovery kit yet: should this server be lost, nothing would open the backups. Make one with `holdfast recovery-kit create`, and print it.',
        );
      if (state === 'unconfirmed')
        return warning(
          'Nobody has shown yet that the recovery kit is on paper: type its words in with `holdfast recovery-kit verify`.',
        );
      return ok('Somebody has shown that the recovery kit is on paper.');
    },
  };
}

/** Of all tenants. */
async function everywhere<Item>(
  catalogue: Catalogue,
  work: (scope: TenantScope) => Promise<readonly Item[]>,
): Promise<Item[]> {
  const all: Item[] = [];
  for (const tenant of await catalogue.tenants()) all.push(...(await work(catalogue.tenant(tenant))));
  return all;
}

async function failedMaintenance({ query }: TenantScope): Promise<string[]> {
  const rows = await query
    .selectFrom('maintenanceStates')
    .innerJoin('runs', 'runs.id', 'maintenanceStates.lastRunId')
    .innerJoin('repositories', 'repositories.id', 'maintenanceStates.repositoryId')
    .where('runs.state', '=', 'failed')
    .select(['repositories.name as name', 'maintenanceStates.kind as kind'])
    .orderBy('repositories.name')
    .limit(maxNamedInHealth + 1)
    .execute();
  return rows.map(({ name, kind }) => `${kind} of ${name}`);
}

function named(names: readonly string[]): string {
  if (names.length === 0) throw new HoldfastError('internal.unexpected');
  const more = names.length - maxNamedInHealth;
  return `${names.slice(0, maxNamedInHealth).join(', ')}${more > 0 ? ' and more' : ''}`;
}
