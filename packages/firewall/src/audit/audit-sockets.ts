import { channel, channelsOf } from '@holdfast/contract';
import { addressRange } from '../ruleset/address-range.ts';
import type { OpenSocket, ProcessAtSocket } from '../sockets/index.ts';
import type { Finding } from './finding.ts';
import { isHoldfast } from './holdfast-process.ts';
import type { Contact, HostOpenings, Opening } from './openings.ts';
import { portsText } from './probes.ts';
import type { OwnAddress } from './this-host.ts';

export interface SocketAudit {
  readonly openings: HostOpenings;
  readonly sockets: readonly OpenSocket[];
  readonly own: readonly OwnAddress[];
}

const wildcards: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Compares what listens and what is connected on this host with what the plan has for it. */
export function auditSockets(audit: SocketAudit): readonly Finding[] {
  const listening = audit.sockets.filter(({ state }) => state === 'listening');
  return [
    ...audit.openings.all.flatMap((opening) => missingListener(opening, listening)),
    ...listening.flatMap((socket) => listenerFindings(audit, socket)),
    ...audit.sockets.flatMap((socket) => peerFindings(audit, socket, listening)),
  ];
}

/** Data ports listen only while they wait for their peer, and stand-ins only where they are needed. */
function missingListener(opening: Opening, listening: readonly OpenSocket[]): readonly Finding[] {
  const { flow, direction, transport, ports } = opening;
  if (direction !== 'in' || transport !== 'tcp' || flow.origin !== 'contract' || flow.leased) return [];
  const ours = flow.channels.map((id) => channel(id)).filter(({ processes }) => !processes.to.includes('outside'));
  const primary = ours.filter(({ id }) => !flow.fallbackFor.includes(id));
  if (primary.length === 0) return [];
  const isThere = listening.some(
    ({ local }) => !isLoopback(local.address) && ports.some(({ from, to }) => from <= local.port && local.port <= to),
  );
  if (isThere) return [];
  const programs = [...new Set(primary.flatMap(({ processes }) => processes.to))].join(' or ');
  return [
    {
      kind: 'listener-missing',
      subject: `tcp ${portsText(ports)}`,
      message: `Nothing listens, but ${primary.map(({ id }) => id).join(', ')} needs the ${programs} there.`,
      advice: `Start it (\`holdfast ${programs.split(' ')[0]}\`), or take the role out of the topology.`,
    },
  ];
}

function listenerFindings(audit: SocketAudit, socket: OpenSocket): readonly Finding[] {
  const { local, transport, processes } = socket;
  const subject = `tcp ${local.port} on ${local.address}`;
  const ours = processes.some(isHoldfast);
  if (isLoopback(local.address)) {
    if (!ours || isLocalChannel(audit, local.port)) return [];
    return [unplanned(subject, processes)];
  }
  const planned = audit.openings.all.filter(
    (opening) =>
      opening.direction === 'in' &&
      opening.transport === transport &&
      opening.ports.some(({ from, to }) => from <= local.port && local.port <= to),
  );
  if (planned.length === 0) return ours ? [unplanned(subject, processes)] : [];
  if (!ours) return foreign(planned, socket, subject);
  if (!wildcards.has(local.address)) return [];
  const family = local.address === '::' ? undefined : 'ipv4';
  const needless = audit.own.filter(
    (one) =>
      (family === undefined || one.family === family) &&
      !audit.openings.own.some(
        (block) => block.family === one.family && block.first <= one.first && one.last <= block.last,
      ),
  );
  if (needless.length === 0) return [];
  return [
    {
      kind: 'bind-wide',
      subject,
      message: `${who(processes)} listens on every address, also on ${needless.map(({ text, device }) => `${text} (${device})`).join(', ')}, which the topology does not have.`,
      advice: `Set \`bind\` in its configuration to ${audit.openings.host.addresses.join(' or ')}, or add the addresses to the topology.`,
    },
  ];
}

function foreign(planned: readonly Opening[], { processes }: OpenSocket, subject: string): readonly Finding[] {
  const ids = planned.flatMap(({ flow }) => flow.channels);
  const isForOthers = ids.length === 0 || ids.some((id) => channel(id).processes.to.includes('outside'));
  // Whose it is can't be seen without root.
  if (isForOthers || processes.length === 0) return [];
  return [
    {
      kind: 'listener-foreign',
      subject,
      message: `${who(processes)} listens on a port that belongs to ${[...new Set(ids)].join(', ')}, and others may connect to it.`,
      advice:
        'Stop that program or move it to another port, or give the channel another port in `ports:` of the topology.',
    },
  ];
}

function unplanned(subject: string, processes: readonly ProcessAtSocket[]): Finding {
  return {
    kind: 'listener-unplanned',
    subject,
    message: `${who(processes)} listens there, and the plan has nothing for that port on this host.`,
    advice:
      "Correct the roles or `ports:` of this host in the topology, or the process's configuration, and plan again.",
  };
}

function peerFindings(
  { openings, own }: SocketAudit,
  socket: OpenSocket,
  listening: readonly OpenSocket[],
): readonly Finding[] {
  const { transport, state, local, remote, processes } = socket;
  if (state !== 'connected' || isLoopback(remote.address) || !processes.some(isHoldfast)) return [];
  const range = addressRange(remote.address);
  if (!range || own.some(({ family, first }) => family === range.family && first === range.first)) return [];
  const isIncoming =
    listening.some((one) => one.local.port === local.port) ||
    openings.all.some(
      ({ direction, ports }) =>
        direction === 'in' && ports.some(({ from, to }) => from <= local.port && local.port <= to),
    );
  const contact: Contact = {
    direction: isIncoming ? 'in' : 'out',
    transport,
    family: range.family,
    peer: range.first,
    port: isIncoming ? local.port : remote.port,
  };
  if (openings.permits(contact)) return [];
  const what = isIncoming
    ? `${transport} ${local.port} from ${remote.address}`
    : `${transport} ${remote.port} to ${remote.address}`;
  return [
    {
      kind: 'peer-unknown',
      subject: what,
      message: `${who(processes)} has a connection that the plan does not allow.`,
      advice:
        'Find out whose address it is: add the host to the topology and plan again, or revoke it and close the port for it.',
    },
  ];
}

function isLocalChannel({ openings }: SocketAudit, port: number): boolean {
  const { roles, platform } = openings.host;
  return channelsOf({ roles, ...(platform === undefined ? {} : { platform }) }).local.some(({ ports }) =>
    ports.some(({ from, to }) => from <= port && port <= to),
  );
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

function who(processes: readonly ProcessAtSocket[]): string {
  const [first] = processes;
  return first ? `${first.name} (pid ${first.pid})` : 'A process that cannot be seen from here';
}
