import { isIPv4, isIPv6 } from 'node:net';
import { contains, type Packet } from '../../testing/traffic.ts';

/** A test's own reading of the part of IOS's language that is rendered, from Cisco's command reference. */

interface Entry {
  readonly action: 'permit' | 'deny';
  /** `tcp`, `udp`, `icmp`, or `ip` for everything. */
  readonly protocol: string;
  readonly from: string;
  readonly to: string;
  readonly ports: readonly [number, number];
  readonly reflect?: string;
}

interface Evaluation {
  readonly evaluate: string;
}

export type AccessLists = Map<string, (Entry | Evaluation)[]>;

/** Of a connection: what has been permitted by an entry that reflects. */
export type Sessions = Map<string, Set<string>>;

const name = '[A-Za-z][A-Za-z0-9_.-]{0,63}';
const end4 = '(any|host (?:\\d+\\.){3}\\d+|(?:\\d+\\.){3}\\d+ (?:\\d+\\.){3}\\d+)';
const end6 = '(any|host [0-9a-f:.]+|[0-9a-f:.]+/\\d+)';
const match = '(?: (eq|range) (\\d+)(?: (\\d+))?)?';
const grammar = {
  ipv4: new RegExp(`^ (permit|deny) (tcp|udp|icmp|ip) ${end4} ${end4}${match}(?: reflect (${name}))?(?: ([a-z-]+))?$`),
  ipv6: new RegExp(
    `^ (permit|deny) (tcp|udp|icmp|ipv6) ${end6} ${end6}${match}(?: reflect (${name}))?(?: ([a-z-]+))?$`,
  ),
};
const options: Readonly<Record<string, readonly string[]>> = {
  icmp: [
    ...['unreachable', 'time-exceeded', 'parameter-problem', 'packet-too-big'],
    ...['nd-na', 'nd-ns', 'router-advertisement', 'router-solicitation'],
  ],
  ip: ['log'],
  ipv6: ['log'],
};

/** Enters the lines into the lists, as a router would. Throws for a line that it would refuse. */
export function enterCisco(lists: AccessLists, text: string): AccessLists {
  let current:
    | { readonly family: 'ipv4' | 'ipv6'; readonly entries: (Entry | Evaluation)[]; readonly lines: Set<string> }
    | undefined;
  for (const line of text.split('\n')) {
    const refuse = (why: string): Error => new Error(`${why}: ${JSON.stringify(line)}`);
    if (/[^\x20-\x7e]|\?/.test(line)) throw refuse('a character that a terminal does not take');
    if (line === '' || line.startsWith('!')) continue;
    const opening = new RegExp(`^(no )?(?:(ip) access-list extended|ipv6 access-list) (${name})$`).exec(line);
    if (opening) {
      const [, removed, version4, listName = ''] = opening;
      if (removed) lists.delete(listName);
      else if (lists.has(listName)) throw refuse('the list is there, so entries would be added');
      current = undefined;
      if (!removed) {
        current = { family: version4 ? 'ipv4' : 'ipv6', entries: [], lines: new Set() };
        lists.set(listName, current.entries);
      }
      continue;
    }
    if (!current) throw refuse('outside of a list');
    if (/^ remark .{1,100}$/.test(line)) continue;
    if (current.lines.has(line)) throw refuse('an entry twice');
    current.lines.add(line);
    const evaluate = new RegExp(`^ evaluate (${name})$`).exec(line)?.[1];
    if (evaluate !== undefined) current.entries.push({ evaluate });
    else current.entries.push(parseEntry(line, current.family));
  }
  return lists;
}

function parseEntry(line: string, family: 'ipv4' | 'ipv6'): Entry {
  const parts = grammar[family].exec(line);
  if (!parts) throw new Error(`not in the grammar: ${JSON.stringify(line)}`);
  const [, action = '', protocol = '', from = '', to = '', operator, low, high, reflect, option] = parts;
  const withPorts = protocol === 'tcp' || protocol === 'udp';
  if (withPorts !== (operator !== undefined) || (operator === 'range') !== (high !== undefined))
    throw new Error(`ports: ${line}`);
  if (option !== undefined && !options[protocol]?.includes(option)) throw new Error(`option: ${line}`);
  const ports = operator === undefined ? ([0, 65_535] as const) : ([Number(low), Number(high ?? low)] as const);
  if (ports[0] > ports[1] || ports[1] > 65_535) throw new Error(`port: ${line}`);
  return {
    action: action === 'permit' ? 'permit' : 'deny',
    protocol: protocol === 'ipv6' ? 'ip' : protocol,
    from: prefix(from, family),
    to: prefix(to, family),
    ports,
    ...(reflect === undefined ? {} : { reflect }),
  };
}

function prefix(end: string, family: 'ipv4' | 'ipv6'): string {
  if (end === 'any') return family === 'ipv4' ? '0.0.0.0/0' : '::/0';
  const [first = '', second = ''] = end.split(' ');
  const address = first === 'host' ? second : (first.split('/')[0] ?? '');
  if (!(family === 'ipv4' ? isIPv4(address) : isIPv6(address))) throw new Error(`not an address: ${end}`);
  if (first === 'host') return `${address}/${family === 'ipv4' ? 32 : 128}`;
  if (family === 'ipv6') return first;
  const bits = second
    .split('.')
    .map((byte) => Number(byte).toString(2).padStart(8, '0'))
    .join('');
  if (!/^0*1*$/.test(bits) || bits.length !== 32) throw new Error(`not a wildcard of a prefix: ${end}`);
  return `${address}/${bits.indexOf('1') === -1 ? 32 : bits.indexOf('1')}`;
}

/** Whether the list permits a packet from one port to another; what is not in the list is denied. */
export function evaluateCisco(
  lists: AccessLists,
  list: string,
  packet: Packet & { readonly fromPort: number },
  sessions: Sessions,
): boolean {
  const entries = lists.get(list);
  if (!entries) throw new Error(`there is no list ${list}`);
  const { from, to, transport, port, fromPort } = packet;
  const session = [transport, from, fromPort, to, port].join(' ');
  const answered = [transport, to, port, from, fromPort].join(' ');
  for (const entry of entries) {
    if ('evaluate' in entry) {
      if (sessions.get(entry.evaluate)?.has(answered)) return true;
      continue;
    }
    const isCovered = entry.protocol === 'ip' || entry.protocol === transport;
    if (!isCovered || port < entry.ports[0] || port > entry.ports[1]) continue;
    if (!contains([entry.from], from) || !contains([entry.to], to)) continue;
    if (entry.reflect !== undefined)
      sessions.set(entry.reflect, (sessions.get(entry.reflect) ?? new Set()).add(session));
    return entry.action === 'permit';
  }
  return false;
}
