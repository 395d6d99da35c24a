import { randomBytes } from 'node:crypto';
import { type ChannelId, channel, isChannelId } from '@holdfast/contract';
import { type ErrorCode, HoldfastError, hasCode } from '@holdfast/core';
import {
  leaseAnswer,
  moverApiPrefix,
  parseErrorReport,
  parseMessage,
  type RepositoryAccess,
  reportOf,
  type TaskContext,
} from '@holdfast/protocol';
import { type Connection, type HttpClient, httpClient, type Wire } from '@holdfast/wire';
import { dataChannelsPerSession, leaseDialTimeoutMs } from './limits.ts';

/**
 * The way of one session's data between this agent and the mover: HTTP over a few byte streams, whoever dialled them.
 *
 *   agent-dials   the mover leases ports of 2500-3300 to the session and the agent dials them; when they can't be reached,
 *                 the same over 6162, and the run is degraded
 *   mover-dials   the agent leases ports on this computer, offers them through the server, and the mover dials them; nothing
 *                 has to be open from here to the mover
 */
export function openDataChannels(options: DataChannelOptions): HttpClient {
  return httpClient({ connect: dataConnections(options), connections: dataChannelsPerSession });
}

/** Makes these connections, one at each call. */
export function dataConnections(options: DataChannelOptions): Connect {
  const { access, context } = options;
  const direction = access.direction === 'mover-dials' ? 'in' : 'out';
  const open = direction === 'in' ? offering(options) : dialling(options);
  return async (signal) => {
    const connection = await open(signal);
    context.uses(connection, direction);
    const { channel: along, remoteAddress, remotePort, localPort } = connection;
    const where =
      direction === 'in' ? `from ${remoteAddress} on port ${localPort}` : `to ${remoteAddress}:${remotePort}`;
    context.log('info', `Data channel ${along} ${where}`);
    return connection;
  };
}

interface DataChannelOptions {
  readonly wire: Wire;
  readonly access: RepositoryAccess;
  readonly context: TaskContext;
}

type Connect = (signal: AbortSignal) => Promise<Connection>;

/** What makes 6162 stand in for a leased port: the port can't be had or reached. Anything else would fail there as well. */
const blocked: readonly ErrorCode[] = [
  'channel.refused',
  'channel.timeout',
  'channel.unreachable',
  'channel.closed',
  'lease.none',
  'lease.refused',
  'firewall.lease',
];

function dialling({ wire, access, context }: DataChannelOptions): Connect {
  const { mover } = access;
  const transport: Connect = (signal) =>
    wire.dial('agent-to-mover-transport', mover.host, { port: mover.port, peerId: mover.id, signal });
  let isBlocked = false;
  return async (signal) => {
    if (isBlocked) return transport(signal);
    let isReached = false;
    const ask: Connect = async (asking) => {
      const connection = await transport(asking);
      isReached = true;
      return connection;
    };
    let leased: ChannelId = 'agent-to-mover-data';
    try {
      const lease = await askForLease(ask, { access, context, signal });
      leased = lease.channel;
      // Within one computer the lease is bound to the loopback interface, whatever address the mover has for others.
      const host = channel(leased).loopbackOnly ? '127.0.0.1' : mover.host;
      return await wire.dialLease(leased, host, lease.port, {
        nonce: lease.nonce,
        peerId: mover.id,
        timeoutMs: leaseDialTimeoutMs,
        signal,
      });
    } catch (error) {
      // What keeps 6162 away keeps it away at once again.
      if (!isReached || !hasCode(error, ...blocked)) throw error;
      const connection = await transport(signal);
      // 6162 works, so the range is what is blocked: every new connection would wait for the time-out again.
      isBlocked = true;
      context.degraded({ channel: leased, usedInstead: 'agent-to-mover-transport', reason: reportOf(error) });
      return connection;
    }
  };
}

function offering({ wire, access, context }: DataChannelOptions): Connect {
  return async (signal) => {
    const nonce = randomBytes(32);
    const { host: peer, fingerprint } = access.mover;
    const lease = await wire.lease('server-to-agent-data', { nonce, fingerprint, peer, signal });
    context.report({
      kind: 'channel-offered',
      port: lease.port,
      nonce: nonce.toString('base64url'),
      channel: 'server-to-agent-data',
    });
    return lease.connection;
  };
}

async function askForLease(
  connect: Connect,
  options: { readonly access: RepositoryAccess; readonly context: TaskContext; readonly signal: AbortSignal },
): Promise<{ channel: ChannelId; port: number; nonce: Buffer }> {
  const { access, context, signal } = options;
  await using http = httpClient({ connect, connections: 1 });
  const response = await http.request({
    method: 'POST',
    path: `${moverApiPrefix}${access.sessionId === undefined ? '' : `/sessions/${access.sessionId}`}/leases`,
    headers: { authorization: `Bearer ${context.grant()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ count: 1 }),
    signal,
  });
  const body = await response.json();
  if (response.status !== 200)
    throw parseErrorReport(body) ?? new HoldfastError('lease.none', { context: { status: response.status } });
  const answer = parseMessage(leaseAnswer, body, "The mover's answer to a lease request");
  const [lease] = answer.leases;
  if (!lease || !isChannelId(answer.channel)) throw new HoldfastError('lease.none');
  return { channel: answer.channel, port: lease.port, nonce: Buffer.from(lease.nonce, 'base64url') };
}
