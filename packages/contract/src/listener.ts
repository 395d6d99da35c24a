import type { PortRange } from './channel-spec.ts';
import { type Channel, type ChannelId, channel } from './channels.ts';

/** Channels of one program and port are one listener. Of the data range every connection has a port of its own. */
export function sharesListener(one: Channel, other: Channel): boolean {
  if (one === other) return true;
  const [first, second] = [one.ports[0], other.ports[0]];
  return (
    first !== undefined &&
    first.from === second?.from &&
    one.transport === other.transport &&
    one.loopbackOnly === other.loopbackOnly &&
    one.busy.kind !== 'onePortPerConnection' &&
    other.busy.kind !== 'onePortPerConnection' &&
    one.processes.to.join() === other.processes.to.join()
  );
}

/** The ports of a channel on a host whose configuration gives some ports by channel: its own, or that of its listener. */
export function portsOn(entry: Channel, configured: ReadonlyMap<ChannelId, PortRange>): readonly PortRange[] {
  const own = configured.get(entry.id);
  if (own) return [own];
  for (const [id, range] of configured) if (sharesListener(entry, channel(id))) return [range];
  return entry.ports;
}
