import { HoldfastError } from '@holdfast/core';
import type { PortRange, Transport } from './channel-spec.ts';
import { type Channel, type ChannelId, channels } from './channels.ts';
import type { FeatureId } from './features.ts';
import { effectiveRoles, isRole, type Platform, type Role, roleEntry, roleNames } from './roles.ts';
import { type RowStatus, rowStatuses } from './row-status.ts';
import type { RowId } from './rows.ts';

/** One entry of `holdfast ports list --json`. The fields are stable. */
export interface ChannelListing {
  readonly id: ChannelId;
  readonly from: readonly Role[];
  readonly to: readonly Role[];
  readonly transport: Transport;
  /** Every port that the channel may use; empty for a local socket, a port of the configuration, and a channel that is off. */
  readonly ports: readonly PortRange[];
  readonly rows: readonly RowId[];
  readonly origin: Channel['origin'];
  readonly features: readonly FeatureId[];
  readonly fallbackOf: ChannelId | null;
  readonly purpose: string;
}

/** One entry of `holdfast ports rows --json`. The fields are stable. */
export interface RowListing {
  readonly id: RowId;
  readonly channel: ChannelId;
  readonly status: RowStatus['status'];
  /** Of live rows. */
  readonly test?: string;
  /** Of live rows. */
  readonly platforms?: readonly Platform[];
  /** Of void rows. */
  readonly reason?: string;
}

/**
 * The roles that a word on the command line means: a role's name, or the name of a program (`server`, `mover`, `agent` …)
 * for all of its roles. Throws `usage.option` for anything else.
 */
export function parseRoles(word: string): readonly Role[] {
  if (isRole(word)) return [word];
  const ofProcess = roleNames.filter((role) => roleEntry(role).process === word);
  if (ofProcess.length > 0 && word !== 'outside') return ofProcess;
  throw new HoldfastError('usage.option', {
    message: `There is no role ${word}.`,
    guidance: `Roles: ${roleNames.join(', ')}. Or the name of a program: server, mover, agent, mount-server, cloud-gateway, distributor, updates, client.`,
    context: { role: word },
  });
}

/**
 * The roles to show for such a word: those meant, what they are more generally, and, as the platform is not known, their
 * variants.
 */
export function rolesToShow(word: string): ReadonlySet<Role> {
  const meant = parseRoles(word);
  const variants = roleNames.filter((role) =>
    roleEntry(role).is?.some((general) => meant.some((each) => each === general)),
  );
  return effectiveRoles([...meant, ...variants]);
}

/** The channels in which a role takes part, or all of them. Throws `usage.option` for an unknown role. */
export function selectChannels(role?: string): readonly Channel[] {
  if (role === undefined) return channels;
  const wanted = rolesToShow(role);
  return channels.filter((entry) => [...entry.from, ...entry.to].some((end) => wanted.has(end)));
}

export function listChannels(role?: string): readonly ChannelListing[] {
  return selectChannels(role).map((entry) => ({
    id: entry.id,
    from: entry.from,
    to: entry.to,
    transport: entry.transport,
    ports: entry.ports,
    rows: entry.rows,
    origin: entry.origin,
    features: entry.features,
    fallbackOf: entry.fallbackOf ?? null,
    purpose: entry.purpose,
  }));
}

export function listRows(): readonly RowListing[] {
  return rowStatuses.map((row) => {
    const { id, status } = row;
    const about = { id, channel: row.channel.id, status };
    if (row.status === 'live') return { ...about, test: row.test, platforms: row.platforms };
    return row.status === 'void' ? { ...about, reason: row.reason } : about;
  });
}

/** A JSON array with one entry a line, so that line tools and JSON parsers can both read it. */
export function renderJsonLines(entries: readonly object[]): string {
  return `[\n${entries.map((entry) => `  ${JSON.stringify(entry)}`).join(',\n')}\n]\n`;
}
