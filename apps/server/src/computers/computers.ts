import { type ChannelId, channel as channelOf, defaultPort, isChannelId } from '@holdfast/contract';
import { HoldfastError } from '@holdfast/core';
import { type Computer, type EnrollableRole, type Hello, limits, platform } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { ComputersTable } from '../catalogue/schema.ts';
import { readJson } from '../json-column.ts';
import { computersOfAPage, maxListedRows } from '../limits.ts';

export type ComputerRow = Selectable<ComputersTable>;

const portMap = z.record(z.string(), z.number().int());

export async function listComputers(scope: TenantScope, role?: EnrollableRole): Promise<ComputerRow[]> {
  let query = scope.query.selectFrom('computers').selectAll().orderBy('enrolledAt').limit(maxListedRows);
  if (role !== undefined) query = query.where('role', '=', role);
  return query.execute();
}

/** All that were not revoked, page by page: of a part, another one at each look, every computer would come and go. */
export async function* everyComputer({ query }: TenantScope): AsyncGenerator<ComputerRow> {
  for (let after = ''; ; ) {
    const page = await query
      .selectFrom('computers')
      .selectAll()
      .where('revokedAt', 'is', null)
      .where('id', '>', after)
      .orderBy('id')
      .limit(computersOfAPage)
      .execute();
    yield* page;
    const last = page.at(-1);
    if (!last || page.length < computersOfAPage) return;
    after = last.id;
  }
}

/** Throws `request.missing` when there is none of that id and role. */
export async function loadComputer(scope: TenantScope, id: string, role?: EnrollableRole): Promise<ComputerRow> {
  const row = await scope.query.selectFrom('computers').selectAll().where('id', '=', id).executeTakeFirst();
  return required(row, id, role);
}

function required(row: ComputerRow | undefined, id: string, role?: EnrollableRole): ComputerRow {
  if (row && (role === undefined || row.role === role)) return row;
  throw new HoldfastError('request.missing', { message: `There is no ${role ?? 'computer'} ${id}.` });
}

/** Those that there are. */
export async function loadComputers({ query }: TenantScope, ids: readonly string[]): Promise<ComputerRow[]> {
  return query.selectFrom('computers').selectAll().where('id', 'in', ids).execute();
}

/** As `loadComputer`, and refuses a computer whose certificate is revoked. */
export async function loadUsableComputer(scope: TenantScope, id: string, role: EnrollableRole): Promise<ComputerRow> {
  return requireUsable(await loadComputer(scope, id, role), id, role);
}

/** What `loadUsableComputer` gives, or throws, of a row that was read. */
export function requireUsable(read: ComputerRow | undefined, id: string, role: EnrollableRole): ComputerRow {
  const row = required(read, id, role);
  if (row.revokedAt === null) return row;
  throw new HoldfastError('channel.revoked', {
    message: `The certificate of ${role} ${row.hostname} (${id}) has been revoked.`,
    context: { role, id },
  });
}

export function computerView(row: ComputerRow, isOnline: boolean): Computer {
  return {
    id: row.id,
    role: row.role,
    group: row.groupName,
    hostname: row.hostname,
    address: row.address,
    platform: platform.parse(row.platform),
    productVersion: row.productVersion,
    certificateSerial: row.certificateSerial,
    certificateExpiresAt: row.certificateExpiresAt,
    enrolledAt: row.enrolledAt,
    preinstalled: row.preinstalled === 1,
    state: row.revokedAt !== null ? 'revoked' : isOnline ? 'online' : 'offline',
    ...(row.lastSeenAt === null ? {} : { lastSeenAt: row.lastSeenAt }),
  };
}

/** The connection is over; one to another instance stays. */
export async function forgetHolder(scope: TenantScope, id: string, instance: string): Promise<void> {
  await scope.query
    .updateTable('computers')
    .set({ heldBy: null })
    .where('id', '=', id)
    .where('heldBy', '=', instance)
    .execute();
}

/** What an earlier life of that instance held. */
export async function forgetHeld(scope: TenantScope, instance: string): Promise<void> {
  await scope.query.updateTable('computers').set({ heldBy: null }).where('heldBy', '=', instance).execute();
}

/** Keeps what a computer says about itself in the first message of a connection. */
export async function recordHello(scope: TenantScope, id: string, hello: Hello): Promise<void> {
  if (hello.protocolVersion !== limits.protocolVersion) {
    throw new HoldfastError('version.unsupported', {
      message: `Computer ${hello.hostname} speaks version ${hello.protocolVersion} of the protocol, this server version ${limits.protocolVersion}.`,
    });
  }
  const { hostname, productVersion, platform } = hello;
  const told = { hostname, productVersion, platform, portsJson: JSON.stringify(hello.ports) };
  // Mostly it is as it was: then there is no wait for the disk, which somebody who looks into a backup would feel.
  await scope.query
    .updateTable('computers')
    .set(told)
    .where('id', '=', id)
    .where((row) => row.not(row.and(told)))
    .execute();
}

/**
 * Where that computer listens for the channel: what it reported, for this channel or one that shares the port, else the
 * contract's port.
 */
export function portOf(row: Pick<ComputerRow, 'portsJson'>, id: ChannelId): number {
  const contracted = defaultPort(channelOf(id));
  const reported = readJson(portMap, row.portsJson, 'computers.portsJson');
  const sharing = Object.entries(reported).find(
    ([other]) => isChannelId(other) && defaultPort(channelOf(other)) === contracted,
  );
  const port = reported[id] ?? sharing?.[1] ?? contracted;
  if (port === undefined) throw new HoldfastError('channel.unknown', { message: `Channel ${id} has no port.` });
  return port;
}
