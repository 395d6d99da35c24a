import { isIP } from 'node:net';
import { contains, type Packet } from '../../testing/traffic.ts';

/** A test's own reading of the part of PAN-OS's set format that is rendered, into the configuration that it makes. */

interface Rule {
  from: string[];
  to: string[];
  source: string[];
  destination: string[];
  service: string[];
  action: string;
  interzoneOnly: boolean;
}

export interface PanConfiguration {
  readonly addresses: Map<string, string>;
  readonly groups: Map<string, string[]>;
  readonly services: Map<string, string>;
  /** In their order. */
  readonly rules: Map<string, Rule>;
}

export function emptyPan(): PanConfiguration {
  return { addresses: new Map(), groups: new Map(), services: new Map(), rules: new Map() };
}

const objectName = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/;
const zoneName = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}$/;
const memberLimit = 2500;

/** Enters the commands, then checks the whole as a commit does. Throws for what PAN-OS would refuse. */
export function enterPan(configuration: PanConfiguration, text: string): PanConfiguration {
  for (const line of text.split('\n')) {
    if (line === '') continue;
    if (/[^\x20-\x7e]|\?/.test(line))
      throw new Error(`a character that a terminal does not take: ${JSON.stringify(line)}`);
    try {
      enter(configuration, tokensOf(line));
    } catch (error) {
      throw new Error(`${JSON.stringify(line)}: ${String(error)}`, { cause: error });
    }
  }
  commit(configuration);
  return configuration;
}

function tokensOf(line: string): string[] {
  const tokens = line.match(/"[^"]*"|[^\s"]+/g) ?? [];
  if (tokens.join(' ') !== line) throw new Error('quotes or blanks');
  return tokens.map((token) => token.replaceAll('"', ''));
}

function enter({ addresses, groups, services, rules }: PanConfiguration, tokens: string[]): void {
  const [verb = '', kind = '', ...rest] = tokens;
  const isRule = kind === 'rulebase' && rest.splice(0, 2).join(' ') === 'security rules';
  const [name = '', ...settings] = rest;
  if (!objectName.test(name)) throw new Error('name');
  const maps: Readonly<Record<string, Map<string, unknown>>> = {
    address: addresses,
    'address-group': groups,
    service: services,
  };
  const map = isRule ? rules : maps[kind];
  if (!map) throw new Error('object');
  if (verb === 'delete' && settings.length === 0) {
    if (!map.delete(name)) throw new Error('not there');
  } else if (verb === 'move' && isRule && settings.join(' ') === 'bottom') {
    const rule = rules.get(name);
    if (!rule) throw new Error('not there');
    rules.delete(name);
    rules.set(name, rule);
  } else if (verb !== 'set') throw new Error('command');
  else if (isRule) setRule(rules, name, settings);
  else if (kind === 'address') addresses.set(name, addressOf(settings));
  else if (kind === 'address-group') {
    if (settings.shift() !== 'static') throw new Error('group');
    groups.set(name, [...new Set([...(groups.get(name) ?? []), ...listOf(settings)])]);
    if (settings.length > 0) throw new Error('rest');
  } else services.set(name, serviceOf(settings));
}

function addressOf([form, value = '', ...rest]: string[]): string {
  if (rest.length > 0) throw new Error('rest');
  const [address = '', length = ''] = value.split('/');
  const bits = isIP(address) === 4 ? 32 : 128;
  if (form === 'ip-netmask' && isIP(address) && /^\d+$/.test(length) && Number(length) <= bits) return value;
  if (form === 'fqdn' && /^[A-Za-z0-9.-]{1,255}$/.test(value) && value.includes('.')) return `fqdn ${value}`;
  throw new Error('address');
}

function serviceOf([protocolWord, protocol, portWord, ports = '', ...rest]: string[]): string {
  if (protocolWord !== 'protocol' || portWord !== 'port' || rest.length > 0) throw new Error('service');
  const [low = 0, high = low] = ports.split('-').map(Number);
  const isValid =
    (protocol === 'tcp' || protocol === 'udp') && /^\d+(-\d+)?$/.test(ports) && low <= high && high <= 65_535;
  if (!isValid) throw new Error('service');
  return `${protocol} ${low} ${high}`;
}

/** One value, or several in brackets; taken from the front. */
function listOf(tokens: string[]): string[] {
  const first = tokens.shift() ?? '';
  if (first !== '[') return [first];
  const end = tokens.indexOf(']');
  if (end < 1) throw new Error('list');
  return tokens.splice(0, end + 1).slice(0, -1);
}

/** Lists grow, single values are replaced. */
function setRule(rules: Map<string, Rule>, name: string, settings: string[]): void {
  const rule = rules.get(name) ?? {
    ...{ from: [], to: [], source: [], destination: [], service: [], action: '', interzoneOnly: false },
  };
  while (settings.length > 0) {
    const key = settings.shift() ?? '';
    const values = listOf(settings);
    const [value = ''] = values;
    if (key === 'from' || key === 'to' || key === 'source' || key === 'destination' || key === 'service')
      rule[key] = [...new Set([...rule[key], ...values])];
    else if (key === 'action' && (value === 'allow' || value === 'drop')) rule.action = value;
    else if (key === 'rule-type' && value === 'interzone') rule.interzoneOnly = true;
    else if (key === 'description' && value.length <= 1023) continue;
    else if ((key === 'application' && value === 'any') || (key === 'log-end' && value === 'yes')) continue;
    else throw new Error(`setting ${key}`);
  }
  rules.set(name, rule);
}

function commit({ addresses, groups, services, rules }: PanConfiguration): void {
  const names = new Set([...addresses.keys(), ...groups.keys()]);
  for (const [name, members] of groups) {
    if (members.length > memberLimit) throw new Error(`${name} has ${members.length} members`);
    for (const member of members) if (!names.has(member)) throw new Error(`${name} refers to ${member}`);
  }
  for (const [name, rule] of rules) {
    const isComplete = rule.from.length > 0 && rule.to.length > 0 && rule.action !== '';
    if (!isComplete || ![...rule.from, ...rule.to].every((zone) => zoneName.test(zone)))
      throw new Error(`${name} is incomplete`);
    for (const ends of [rule.source, rule.destination])
      if (ends.length === 0 || !ends.every((end) => names.has(end) || (end === 'any' && ends.length === 1)))
        throw new Error(`${name} refers to ${ends.join(' ')}`);
    const isAny = rule.service.length === 1 && rule.service[0] === 'any';
    if (rule.service.length === 0 || (!isAny && !rule.service.every((service) => services.has(service))))
      throw new Error(`${name} refers to ${rule.service.join(' ')}`);
  }
}

/** What the first rule that matches does; without one, what PAN-OS does between zones: nothing passes. */
export function evaluatePan(
  configuration: PanConfiguration,
  { from, to, transport, port }: Packet,
  zones: { readonly from: string; readonly to: string },
): boolean {
  const { addresses, groups, services, rules } = configuration;
  const isIn = (name: string, address: string): boolean => {
    const members = groups.get(name);
    if (members) return members.some((member) => isIn(member, address));
    return (
      name === 'any' || (addresses.get(name)?.includes('/') === true && contains([addresses.get(name) ?? ''], address))
    );
  };
  for (const rule of rules.values()) {
    const isOf = (ends: readonly string[], zone: string): boolean => ends.includes(zone) || ends.includes('any');
    if (!isOf(rule.from, zones.from) || !isOf(rule.to, zones.to)) continue;
    if (rule.interzoneOnly && zones.from === zones.to) continue;
    if (!rule.source.some((name) => isIn(name, from)) || !rule.destination.some((name) => isIn(name, to))) continue;
    const isService = rule.service.some((name) => {
      const [protocol, low, high] = (services.get(name) ?? '').split(' ');
      return name === 'any' || (protocol === transport && port >= Number(low) && port <= Number(high));
    });
    if (isService) return rule.action === 'allow';
  }
  return false;
}
