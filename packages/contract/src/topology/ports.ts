import type { PortRange } from '../channel-spec.ts';
import { type Channel, type ChannelId, channels, isChannelId } from '../channels.ts';
import { channelsOf } from '../computer.ts';
import { portsOn, sharesListener } from '../listener.ts';
import { type Platform, type Role, rolePlatforms } from '../roles.ts';
import { formatRange } from '../wording.ts';
import { didYouMean } from './nearest.ts';
import type { Place } from './resolve.ts';

/** Reads `7000` or `"7000-7010"`. A string says what is wrong. */
export function parsePortSetting(setting: number | string): PortRange | string {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(setting)) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (!(1 <= from && from <= 65_535 && 1 <= to && to <= 65_535))
    return `${setting}: a port is a whole number from 1 to 65535`;
  return from <= to ? { from, to } : `${setting}: a range begins with the lower port: ${to}-${from}`;
}

/** Overrides may only be of channels that the host listens along, and may not take the port of another listener there. */
export function checkPorts(o: {
  readonly given: ReadonlyMap<string, PortRange>;
  readonly roles: readonly Role[];
  readonly platform: Platform | undefined;
  readonly place: Place;
  readonly isOutside: boolean;
}): ReadonlyMap<ChannelId, PortRange> {
  const accepted = new Map<ChannelId, PortRange>();
  if (o.given.size === 0) return accepted;
  const { source, path } = o.place;
  const report = (id: string, message: string): void => source.report([...path, 'ports', id], message, 'key');
  const listens = listenersOf(o.roles, o.platform);
  for (const [id, range] of o.given) {
    if (!isChannelId(id)) continue;
    const channel = listens.find((entry) => entry.id === id);
    if (!channel) {
      const known = listens.map((entry) => entry.id);
      report(
        id,
        `nothing here listens along ${id}.${didYouMean(id, known) || ` \`holdfast ports list --role ${o.roles[0] ?? ''}\` prints the channels.`}`,
      );
    } else if (channel.configurationKey === undefined && !o.isOutside) {
      report(id, `the port of ${id} is not Holdfast's to change: the listener is a program of the operating system`);
    } else accepted.set(id, range);
  }
  for (const [id, range] of accepted) {
    const own = listens.find((entry) => entry.id === id);
    // Another port that this file sets says more than one of the contract's.
    const others = listens.toSorted((a, b) => Number(accepted.has(b.id)) - Number(accepted.has(a.id)));
    const taken = own && others.find((other) => other !== own && collides(own, range, other, accepted));
    if (!taken) continue;
    const theirs = portsOn(taken, accepted).map(formatRange).join(', ');
    report(id, `${taken.transport} port ${formatRange(range)} collides with ${taken.id} (${theirs}) on this host`);
  }
  return accepted;
}

/** Every channel along which the host listens, inside the computer too. The mover of an agent's computer listens with it. */
function listenersOf(given: readonly Role[], platform: Platform | undefined): readonly Channel[] {
  if (platform !== undefined && given.some((role) => !rolePlatforms(role).includes(platform))) return [];
  const { listens, local } = channelsOf({ roles: given, ...(platform === undefined ? {} : { platform }) });
  const mine = new Set([...listens, ...local]);
  return channels.filter(
    (entry) =>
      entry.transport !== 'local' &&
      entry.id !== 'probe' &&
      (mine.has(entry) || (entry.id === 'server-to-mover' && given.some((role) => role.startsWith('agent-')))),
  );
}

function collides(own: Channel, range: PortRange, other: Channel, given: ReadonlyMap<ChannelId, PortRange>): boolean {
  if (own.transport !== other.transport || sharesListener(own, other)) return false;
  // Where one stands in for the other, the same program listens on either.
  if (own.fallbackOf === other.id || other.fallbackOf === own.id) return false;
  // The data ranges of one mover are one range: leases take what is free.
  if (own.busy.kind === 'onePortPerConnection' && other.busy.kind === 'onePortPerConnection') return false;
  return portsOn(other, given).some(({ from, to }) => range.from <= to && from <= range.to);
}
