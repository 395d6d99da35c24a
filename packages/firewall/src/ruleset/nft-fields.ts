import { type Json, list, record, text } from './json.ts';
import type { Packet } from './ruleset.ts';

/** `null`: the packet has no such field, so that no rule about it holds. `undefined`: it cannot be told. */
export type FieldValue = bigint | number | string | boolean | null | undefined;
export type Field = (packet: Packet) => FieldValue;

/** How an expression of nft finds its value in a packet. */
export function fieldOf(expression: Json): Field {
  const object = record(expression);
  const payload = record(object['payload']);
  if ('payload' in object) return payloadField(text(payload['protocol']), text(payload['field']));
  if ('meta' in object) return fieldNamed(metaFields, record(object['meta']));
  if ('ct' in object) return fieldNamed(connectionFields, record(object['ct']));
  if ('fib' in object) return routeField(record(object['fib']));
  return unknown;
}

function fieldNamed(fields: Readonly<Record<string, Field>>, { key }: ReturnType<typeof record>): Field {
  const name = text(key);
  return (Object.hasOwn(fields, name) ? fields[name] : undefined) ?? unknown;
}

const unknown: Field = () => undefined;
const absent: Field = () => null;

function payloadField(protocol: string, field: string): Field {
  switch (protocol) {
    case 'ip':
      return addressField('ipv4', field);
    case 'ip6':
      return addressField('ipv6', field);
    case 'tcp':
    case 'udp':
      return (packet) => (packet.transport === protocol ? transportField(field, packet) : null);
    case 'th':
      return (packet) => transportField(field, packet);
    case 'icmp':
    case 'icmpv6':
    case 'igmp':
    case 'sctp':
    case 'dccp':
    case 'udplite':
    case 'esp':
    case 'ah':
    case 'comp':
      return absent;
    default:
      return unknown;
  }
}

const addressFields: Readonly<Record<string, Field>> = {
  saddr: ({ source }) => source,
  daddr: ({ destination }) => destination,
  protocol: ({ transport }) => transport,
  nexthdr: ({ transport }) => transport,
};

function addressField(family: Packet['family'], field: string): Field {
  const read = Object.hasOwn(addressFields, field) ? addressFields[field] : undefined;
  return (packet) => (packet.family === family ? read?.(packet) : null);
}

/** The port of the end that connects is any. */
function transportField(field: string, { port }: Packet): FieldValue {
  return field === 'dport' ? port : undefined;
}

const incomingDevice: Field = ({ direction, device }) => (direction === 'in' ? device : '');
const outgoingDevice: Field = ({ direction, device }) => (direction === 'out' ? device : '');

const metaFields: Readonly<Record<string, Field>> = {
  l4proto: ({ transport }) => transport,
  nfproto: ({ family }) => family,
  protocol: ({ family }) => (family === 'ipv4' ? 'ip' : 'ip6'),
  iifname: incomingDevice,
  iif: incomingDevice,
  oifname: outgoingDevice,
  oif: outgoingDevice,
  pkttype: () => 'host',
};

const connectionFields: Readonly<Record<string, Field>> = {
  state: () => 'new',
  direction: () => 'original',
  // No translation of addresses is looked at.
  status: () => 'none',
};

/** Routes are taken to be there and symmetric, as they are for whoever can connect at all. */
function routeField(fib: ReturnType<typeof record>): Field {
  const flags = list(fib['flags']).map(text);
  if (text(fib['result']) !== 'type') return () => true;
  const own = flags.includes('daddr') ? 'in' : 'out';
  return ({ direction }) => (direction === own ? 'local' : 'unicast');
}
