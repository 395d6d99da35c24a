import { HoldfastError, oneLine } from '@holdfast/core';
import { fallbacksOf } from '../../channels.ts';
import { features } from '../../features.ts';
import type { Flow, Plan, PlannedHost } from '../../plan/plan.ts';
import { formatRange } from '../../wording.ts';
import type { RenderOptions } from '../renderer.ts';
import { digest } from '../target-names.ts';

/** More hosts than this at one end are listed once, as a group. */
const hostsInLine = 3;

/** What somebody who approves firewall rules wants to know of each opening. */
export interface Opening {
  /** The same in every revision, as long as ends and ports stay the same. */
  readonly reference: string;
  readonly from: End;
  readonly to: End;
  /** `tcp 2500-3300`. */
  readonly service: string;
  readonly justification: readonly string[];
  /** Channels of the contract, or what else it comes from. */
  readonly origin: string;
  readonly owner: string;
  readonly expiry: string;
  readonly rollback: string;
}

/** A line for each host with its addresses, or one with the name of a group. */
export type End = readonly string[];

/** Hosts that stand together at an end of openings. */
export interface HostGroup {
  readonly name: string;
  readonly hosts: readonly string[];
}

export interface HostEntry {
  readonly name: string;
  readonly zone: string;
  readonly addresses: readonly string[];
  readonly names: readonly string[];
  readonly roles: readonly string[];
}

/** Every text in it is one line of printable characters; each form of the document escapes what it has to. */
export interface ChangeRequest {
  readonly title: string;
  readonly summary: string;
  readonly openings: readonly Opening[];
  readonly groups: readonly HostGroup[];
  readonly hosts: readonly HostEntry[];
  readonly notes: readonly string[];
  /** Who signs. */
  readonly approval: readonly string[];
}

export const columns = {
  openings: ['No.', 'Reference', 'From', 'To', 'Service', 'Justification', 'Origin', 'Owner', 'Expiry', 'Rollback'],
  groups: ['Group', 'Hosts'],
  hosts: ['Host', 'Zone', 'Addresses', 'Names', 'Roles'],
} as const;

/** @throws `usage.option` for an expiry that is no date. */
export function changeRequest(plan: Plan, { request = {} }: RenderOptions = {}): ChangeRequest {
  const { owner, expires } = request;
  if (expires !== undefined && !isDate(expires))
    throw new HoldfastError('usage.option', {
      message: `The expiry ${JSON.stringify(expires)} is no date.`,
      guidance: 'Write it as 2027-06-30.',
    });
  const groups = new Map<string, HostGroup>();
  const openings = plan.flows.map((flow) => ({
    reference: `HF-${digest(flow.id)}`,
    from: endOf(flow.from, groups),
    to: endOf(flow.to, groups),
    service: `${flow.transport} ${flow.ports.map(formatRange).join(', ')}`,
    justification: flow.reasons.map(oneLine),
    origin: flow.origin === 'administrator' ? 'asked for by the administrator' : flow.channels.join(', '),
    owner: oneLine(owner ?? ownersOf(flow).join(', ')),
    expiry: expiry(flow, expires),
    rollback: rollback(flow),
  }));
  return {
    title: `Firewall change request: ${oneLine(plan.name)}`,
    summary: `${openings.length} openings. All are stateful: answers need none of their own. What is not listed stays closed.`,
    openings,
    groups: [...groups.values()],
    hosts: plan.hosts.map(({ name, zone, addresses, names, roles }) => ({
      name: oneLine(name),
      zone: oneLine(zone),
      addresses,
      names: names.map(oneLine),
      roles,
    })),
    notes: plan.notes.map(oneLine),
    approval: ['Asked for by', 'Approved by', 'Done by'],
  };
}

function isDate(text: string): boolean {
  const day = new Date(`${text}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

function endOf(hosts: readonly PlannedHost[], groups: Map<string, HostGroup>): End {
  if (hosts.length <= hostsInLine) return hosts.map(describe);
  const names = hosts.map(({ name }) => oneLine(name));
  const key = names.join('\n');
  const group = groups.get(key) ?? { name: `group ${groups.size + 1} (${hosts.length} hosts)`, hosts: names };
  groups.set(key, group);
  return [group.name];
}

function describe({ name, addresses, names, seenAs }: PlannedHost): string {
  const known = addresses.length > 0 ? addresses : names;
  const translated = seenAs ? `; elsewhere ${seenAs.addresses.join(', ')}` : '';
  return oneLine(known.length === 0 ? name : `${name} (${known.join(', ')}${translated})`);
}

function ownersOf({ from, to }: Flow): readonly string[] {
  return [...new Set([...from, ...to].flatMap(({ owner }) => owner ?? []))];
}

function expiry(flow: Flow, expires: string | undefined): string {
  const until = expires ?? 'as long as the topology asks for it; review it every year';
  return flow.leased ? `${until}; used only while a session lasts` : until;
}

/** What has to be done, and what stops or goes a second-best way afterwards. */
function rollback(flow: Flow): string {
  const remove = 'Take the rule away again.';
  if (flow.channels.length === 0) return `${remove} Ask who wanted it what depends on it.`;
  const standIns = [...new Set(flow.channels.flatMap((id) => fallbacksOf(id)))]
    .map(({ id }) => id)
    .filter((id) => !flow.channels.includes(id));
  const stops = flow.features.map((id) => features[id]).join('; ');
  const effect = `What needs it: ${stops}.`;
  const instead =
    standIns.length === 0 ? '' : ` Where it is open, ${standIns.join(', ')} stands in, and runs end degraded.`;
  return `${remove} ${effect}${instead}`;
}
