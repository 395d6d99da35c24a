import { SocketAddress } from 'node:net';
import { endianness } from 'node:os';

/** An end of a socket: an address in canonical form, and a port; both empty (`0.0.0.0` or `::`, 0) where there is none. */
export interface SocketEnd {
  readonly address: string;
  readonly port: number;
}

/** A line of /proc/net/tcp and its like. */
export interface TableEntry {
  readonly transport: 'tcp' | 'udp';
  /** `bound` is a UDP socket that has no peer. */
  readonly state: 'listening' | 'bound' | 'connected' | 'other';
  readonly local: SocketEnd;
  readonly remote: SocketEnd;
  /** The user that opened it. */
  readonly userId: number;
  readonly inode: string;
}

/** States of include/net/tcp_states.h: those in which bytes can flow, or could a moment ago. UDP uses 1 and 7. */
const connectedStates: ReadonlySet<string> = new Set(['01', '04', '05', '08']);

/** Reads a table of the kernel's (proc_net_tcp.txt of its documentation). Lines that are none are left out. */
export function parseSocketTable(text: string, transport: 'tcp' | 'udp'): readonly TableEntry[] {
  return text.split('\n').flatMap((line) => parseLine(line, transport) ?? []);
}

function parseLine(line: string, transport: 'tcp' | 'udp'): TableEntry | undefined {
  const [, localText = '', remoteText = '', state = '', , , , userId = '', , inode = ''] = line.trim().split(/\s+/);
  const [local, remote] = [parseEnd(localText), parseEnd(remoteText)];
  if (!local || !remote || !/^\d+$/.test(inode)) return undefined;
  return { transport, state: stateOf(state, transport), local, remote, userId: Number(userId), inode };
}

function stateOf(state: string, transport: 'tcp' | 'udp'): TableEntry['state'] {
  if (state === '0A') return 'listening';
  if (transport === 'udp' && state === '07') return 'bound';
  return connectedStates.has(state) ? 'connected' : 'other';
}

/** `0100007F:1F90`: the address in words of four bytes, each in the computer's own order; the port as a number. */
function parseEnd(text: string): SocketEnd | undefined {
  const [, hex = '', port = ''] = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(text) ?? [];
  if (hex === '') return undefined;
  const bytes = Buffer.from(hex, 'hex');
  if (endianness() === 'LE') bytes.swap32();
  return { address: addressOf(bytes), port: Number.parseInt(port, 16) };
}

const mappedPrefix = Buffer.from('00000000000000000000ffff', 'hex');

/** A socket of IPv6 that serves IPv4 has its addresses as those of IPv4. */
function addressOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.subarray(0, 12).equals(mappedPrefix)) return bytes.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
