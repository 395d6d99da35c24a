import { oneLine } from '@holdfast/core';
import { parseBlock } from './address.ts';
import { maxAllowEnds } from './limits.ts';
import type { TopologyFile } from './load.ts';
import { didYouMean } from './nearest.ts';
import { parsePortSetting } from './ports.ts';
import type { Names, Place } from './resolve.ts';
import type { AllowEnd, AllowRule, TopologyHost, Zone } from './topology.ts';

interface Known {
  readonly names: Names;
  readonly hosts: ReadonlyMap<string, TopologyHost>;
  readonly zones: ReadonlyMap<string, Zone>;
  /** Names of hosts, by the name of their zone. */
  readonly members: ReadonlyMap<string, readonly string[]>;
}

const anywhere = ['0.0.0.0/0', '::/0'];

/** Reads the `allow` rules of all files: their ends are names of the topology, addresses, or `any`. */
export function resolveAllow(
  files: readonly TopologyFile[],
  { names, zones, hosts }: Pick<Known, 'names' | 'zones'> & { readonly hosts: readonly TopologyHost[] },
): readonly AllowRule[] {
  const byZone = Map.groupBy(hosts, ({ zone }) => zone?.name ?? '');
  const known: Known = {
    names,
    zones,
    hosts: new Map(hosts.map((host) => [host.name, host])),
    members: new Map([...byZone].map(([zone, inside]) => [zone, inside.map(({ name }) => name)])),
  };
  const rules: AllowRule[] = [];
  const seen = new Set<string>();
  let ends = 0;
  for (const { source, document } of files)
    for (const [index, rule] of (document.allow ?? []).entries()) {
      const path = ['allow', index];
      if (seen.has(rule.name)) source.report([...path, 'name'], `there are two allow rules ${rule.name}`);
      seen.add(rule.name);
      const end = (which: 'from' | 'to'): AllowEnd =>
        resolveEnd(rule[which], { source, path: [...path, which] }, known);
      const ports: AllowRule['ports'][number][] = [];
      for (const [at, text] of rule.ports.entries()) {
        const [transport, setting = ''] = text.split('/');
        const range = parsePortSetting(setting);
        if (typeof range === 'string') source.report([...path, 'ports', at], range);
        else ports.push({ transport: transport === 'udp' ? 'udp' : 'tcp', range });
      }
      const [from, to] = [end('from'), end('to')];
      ends += from.hosts.length + to.hosts.length;
      if (ends > maxAllowEnds) {
        source.report(
          path,
          `the allow rules name more than ${maxAllowEnds} hosts, those of zones counted: name prefixes`,
        );
        return rules;
      }
      rules.push({
        ...{ name: rule.name, from, to },
        ports,
        reason: oneLine(rule.reason ?? rule.name),
      });
    }
  return rules;
}

function resolveEnd(given: readonly string[], place: Place, { names, hosts, zones, members }: Known): AllowEnd {
  const chosen = new Set<string>();
  const wholeZones = new Set<Zone>();
  const addresses = new Set<string>();
  const seen = new Set<string>();
  for (const [index, text] of given.entries()) {
    if (seen.has(text)) continue;
    seen.add(text);
    const known = names.get(text.toLowerCase());
    const name = String(known?.place.path.at(-1));
    if (known?.kind === 'zone') {
      const zone = zones.get(name);
      const inside = members.get(name) ?? [];
      for (const host of inside) chosen.add(host);
      if (zone && zone.addresses.length > 0) wholeZones.add(zone);
      else if (zone && inside.length === 0)
        place.source.report([...place.path, index], `zone ${name} has neither hosts nor prefixes: this opens nothing`);
    } else if (known) {
      const host = hosts.get(name);
      if (host?.addresses.length === 0 && host.names.length === 0)
        place.source.report([...place.path, index], `${name} has neither addresses nor names: give it some`);
      chosen.add(name);
    } else if (text === 'any') for (const address of anywhere) addresses.add(address);
    else {
      const block = parseBlock(text);
      if (typeof block !== 'string') addresses.add(block.text);
      else {
        const message = (): string =>
          /[/:]|^\d+\./.test(text)
            ? block
            : `there is no host, neighbour or zone ${text}.${didYouMean(
                text,
                [...names.values()].map((one) => String(one.place.path.at(-1))),
              )}`;
        place.source.report([...place.path, index], message);
      }
    }
  }
  return { hosts: [...chosen], zones: [...wholeZones], addresses: [...addresses] };
}
