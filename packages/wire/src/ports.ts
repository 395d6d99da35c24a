import { createServer, type Server, type Socket } from 'node:net';
import { type Channel, type ChannelId, candidatePorts, fallbacksOf, type PortRange } from '@holdfast/contract';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { bindError } from './failure.ts';
import { keepAliveDelayMs } from './limits.ts';
import { describeHolders } from './port-holders.ts';
import type { StickyPorts } from './sticky-ports.ts';

/** A port, or the range of ports, that the configuration puts in the place of the contract's; 0 is any free port. */
export type PortOverride = number | PortRange;
export type PortOverrides = Readonly<Partial<Record<ChannelId, PortOverride>>>;

/** What to do when the contract's ports can't be had: fail, or take what the contract names as the fallback, else any free one. */
export type PortPolicy = 'exact' | 'fallback';

export interface Bound {
  readonly server: Server;
  readonly port: number;
  /** The channel whose port it is: one of those asked for, or the one that stands in for it. */
  readonly channel: Channel;
  /** Why it is not the first port that was asked for, in a sentence for people. */
  readonly reason: string | undefined;
}

interface Candidate {
  readonly channel: Channel;
  readonly port: number;
}

const override = (overrides: PortOverrides, channels: readonly Channel[]): [Channel, PortOverride] | undefined => {
  for (const channel of channels) {
    const value = overrides[channel.id];
    if (value !== undefined) return [channel, value];
  }
  return undefined;
};

const rangePorts = ({ from, to }: PortRange): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);

/** The ports to try, in order. Channels that share a port share the override of whichever of them has one. */
function candidates(channels: readonly Channel[], overrides: PortOverrides, kept: number | undefined): Candidate[] {
  const [first] = channels;
  if (!first) return [];
  const given = override(overrides, channels);
  let ports: readonly number[];
  if (given) ports = typeof given[1] === 'number' ? [given[1]] : rangePorts(given[1]);
  else ports = candidatePorts(first);
  const ordered = kept !== undefined && ports.includes(kept) ? [kept, ...ports.filter((port) => port !== kept)] : ports;
  return ordered.map((port) => ({ channel: given?.[0] ?? first, port }));
}

/** Listens on one port. Rejects with Node's error. The socket options are those of every connection that we accept. */
export function bind(o: {
  host: string;
  port: number;
  onSocket: (socket: Socket) => void;
  backlog?: number;
}): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(
      { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveDelayMs },
      o.onSocket,
    );
    server.once('error', reject);
    server.listen(
      { host: o.host, port: o.port, exclusive: true, ...(o.backlog === undefined ? {} : { backlog: o.backlog }) },
      () => {
        server.off('error', reject);
        resolve(server);
      },
    );
  });
}

export function listeningPort(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Finds and binds the port of a listener as the contract's rules for busy ports say. */
export async function bindChannels(o: {
  readonly channels: readonly Channel[];
  readonly host: string;
  readonly overrides: PortOverrides;
  readonly policy: PortPolicy;
  readonly sticky: StickyPorts | undefined;
  readonly platform: NodeJS.Platform;
  readonly onSocket: (socket: Socket) => void;
  readonly signal?: AbortSignal | undefined;
}): Promise<Bound> {
  const [first] = o.channels;
  if (!first) throw new HoldfastError('usage.configuration', { message: 'No channel to listen along was given.' });
  const keeps = first.busy.kind === 'increment' && first.busy.sticky ? o.sticky : undefined;
  const kept = await keeps?.get(first.id);
  const wanted = candidates(o.channels, o.overrides, kept);
  const instead: Candidate[] = [];
  if (o.policy === 'fallback') {
    for (const channel of new Set(o.channels.flatMap(({ id }) => [...fallbacksOf(id)]))) {
      if (channel.transport !== 'tcp' || channel.loopbackOnly !== first.loopbackOnly) continue;
      instead.push(...candidates([channel], o.overrides, undefined));
    }
    instead.push({ channel: first, port: 0 });
  }
  const failures: { port: number; error: unknown }[] = [];
  for (const { channel, port } of [...wanted, ...instead]) {
    o.signal?.throwIfAborted();
    try {
      const server = await bind({ host: o.host, port, onSocket: o.onSocket });
      const bound = listeningPort(server);
      if (keeps && kept !== bound) await keeps.set(first.id, bound);
      return { server, port: bound, channel, reason: await reasonFor(bound) };
    } catch (error) {
      failures.push({ port, error });
      // Another port would not help against an address that is not ours.
      if (errnoOf(error) === 'EADDRNOTAVAIL') break;
    }
  }
  throw await bindFailure(first, failures, o);

  async function reasonFor(bound: number): Promise<string | undefined> {
    if (failures.length === 0) return undefined;
    const why = await bindFailure(first as Channel, failures, o);
    return `${why.message.replace(/\.$/, '')}; listening on port ${bound} instead.`;
  }
}

async function bindFailure(
  channel: Channel,
  failures: readonly { port: number; error: unknown }[],
  o: { host: string; platform: NodeJS.Platform },
): Promise<HoldfastError> {
  const [first] = failures;
  if (!first) {
    return new HoldfastError('usage.configuration', { message: `Channel ${channel.id} has no port to listen on.` });
  }
  const busy = failures.filter(({ error }) => errnoOf(error) === 'EADDRINUSE').map(({ port }) => port);
  const holders = busy.length > 0 ? await describeHolders(busy, process.platform) : undefined;
  if (busy.length === failures.length && failures.length > 1) {
    return new HoldfastError('port.occupied', {
      message: `Channel ${channel.id} cannot listen on ${o.host}: all of its ports are taken: ${holders ?? ''}.`,
      guidance: `Stop one of those processes, or configure another port for ${channel.id}.`,
      context: { channel: channel.id, host: o.host },
      cause: first.error,
    });
  }
  return bindError(first.error, {
    channel,
    host: o.host,
    port: first.port,
    platform: o.platform,
    ...(holders === undefined ? {} : { holders }),
  });
}
