import { HoldfastError } from '@holdfast/core';
import type { BusyPort, ChannelSpec, Endpoint, PortRange, Security, Transport } from './channel-spec.ts';
import { cloud } from './channels/cloud.ts';
import { controlPlane } from './channels/control-plane.ts';
import { data } from './channels/data.ts';
import { deployment } from './channels/deployment.ts';
import { distribution } from './channels/distribution.ts';
import { local } from './channels/local.ts';
import { objectStorage } from './channels/object-storage.ts';
import { own } from './channels/own.ts';
import { services } from './channels/services.ts';
import { shares } from './channels/shares.ts';
import type { FeatureId } from './features.ts';
import type { OptionId } from './options.ts';
import { type CertificateRole, certificateRoleOf, type ProcessName, type Role, roles } from './roles.ts';
import type { RowId } from './rows.ts';

const subjects = {
  'control-plane': controlPlane,
  data,
  local,
  deployment,
  distribution,
  'object-storage': objectStorage,
  cloud,
  shares,
  services,
  own,
} as const;

export type Subject = keyof typeof subjects;
export type ChannelId = (typeof subjects)[Subject][number]['id'];

/** One allowed connection. */
export interface Channel {
  readonly id: ChannelId;
  readonly subject: Subject;
  readonly from: readonly Role[];
  readonly to: readonly Role[];
  readonly transport: Transport;
  /** Every port that may be used, the default first. Empty: `local`, off, or given at run time. */
  readonly ports: readonly PortRange[];
  readonly busy: BusyPort;
  /** Both ends are one computer, and the socket is bound to the loopback interface. */
  readonly loopbackOnly: boolean;
  /** Present when the channel is needed only on a condition: in words, and as what a topology turns on (any of them). */
  readonly optional?: { readonly condition: string; readonly options: readonly OptionId[] };
  /** Where the configuration overrides the port; absent where the other end is not ours to configure. */
  readonly configurationKey?: string;
  /** The programs that dial and listen. On 6162 the mover of the computer answers for every role there. */
  readonly processes: { readonly from: readonly ProcessName[]; readonly to: readonly ProcessName[] };
  /**
   * The certificate roles that the ends may present. With `mutual-tls` both must, with `server-tls` the listener must and
   * the dialler may. Empty: no certificate of the installation's CA belongs at that end.
   */
  readonly certificates: { readonly from: readonly CertificateRole[]; readonly to: readonly CertificateRole[] };
  readonly application: string;
  readonly security: Security;
  readonly endpoints: readonly Endpoint[];
  readonly purpose: string;
  /** What stops without the channel. */
  readonly features: readonly FeatureId[];
  /** The channel that this one stands in for when that is blocked. A run that needed it ends degraded. */
  readonly fallbackOf?: ChannelId;
  /** Ids of the rows that the channel covers. */
  readonly rows: readonly RowId[];
  readonly origin: 'reference' | 'own';
  /** Why an own channel exists. */
  readonly reason?: string;
  readonly note?: string;
}

const ids: ReadonlySet<string> = new Set(Object.values(subjects).flatMap((specs) => specs.map((spec) => spec.id)));

/** True for the id of a channel. */
export function isChannelId(value: string): value is ChannelId {
  return ids.has(value);
}

function processesOf(ends: readonly Role[]): readonly ProcessName[] {
  return [...new Set(ends.map((role) => roles[role].process))];
}

function certificatesOf(processes: readonly ProcessName[]): readonly CertificateRole[] {
  return [...new Set(processes.map((name) => certificateRoleOf[name]).filter((role) => role !== 'none'))];
}

function build(subject: Subject, spec: ChannelSpec): Channel {
  const { id, fallbackOf } = spec;
  if (!isChannelId(id)) throw new TypeError(`not a channel id: ${id}`);
  if (fallbackOf !== undefined && !isChannelId(fallbackOf))
    throw new TypeError(`channel ${id} stands in for ${fallbackOf}, which does not exist`);
  const processes = {
    from: spec.dialledBy ?? processesOf(spec.from),
    to: spec.listenedBy ?? processesOf(spec.to),
  };
  const ours = spec.ports.length > 0 && !processes.to.includes('outside');
  const installationTls = spec.security === 'mutual-tls' || spec.security === 'server-tls';
  return {
    id,
    subject,
    from: spec.from,
    to: spec.to,
    transport: spec.transport,
    ports: spec.ports,
    busy: spec.busy ?? { kind: 'fail' },
    loopbackOnly: spec.loopbackOnly ?? false,
    ...(spec.condition === undefined ? {} : { optional: { condition: spec.condition, options: spec.options ?? [] } }),
    ...(ours || spec.configuredPort ? { configurationKey: `ports.${id}` } : {}),
    processes,
    certificates: {
      from: installationTls ? certificatesOf([...processes.from, ...(spec.shownBesides ?? [])]) : [],
      to: installationTls ? certificatesOf(processes.to) : [],
    },
    application: spec.application,
    security: spec.security,
    endpoints: spec.endpoints ?? [],
    purpose: spec.purpose,
    features: spec.features,
    ...(fallbackOf === undefined ? {} : { fallbackOf }),
    rows: spec.rows ?? [],
    origin: spec.rows ? 'reference' : 'own',
    ...(spec.reason === undefined ? {} : { reason: spec.reason }),
    ...(spec.note === undefined ? {} : { note: spec.note }),
  };
}

/** The contract: every connection that the product makes or accepts. */
export const channels: readonly Channel[] = Object.entries(subjects).flatMap(([subject, specs]) =>
  specs.map((spec) => build(subject as Subject, spec)),
);

const byId: ReadonlyMap<string, Channel> = new Map(channels.map((entry) => [entry.id, entry]));

/** The channel of that id. Throws `channel.unknown` for anything else. */
export function channel(id: ChannelId): Channel {
  const found = byId.get(id);
  if (!found)
    throw new HoldfastError('channel.unknown', { message: `There is no channel ${id}.`, context: { channel: id } });
  return found;
}

/** The channels that may stand in for the given one, in the contract's order. */
export function fallbacksOf(id: ChannelId): readonly Channel[] {
  return channels.filter((candidate) => candidate.fallbackOf === id);
}

/** The ports of our services that stay where they are. 3260 lies within the data range. */
const servicePorts: ReadonlySet<number> = new Set(
  channels
    .filter(({ busy, processes }) => busy.kind === 'fail' && !processes.to.includes('outside'))
    .flatMap(({ ports }) => ports.filter(({ from, to }) => from === to).map(({ from }) => from)),
);

/**
 * The ports of a channel in the order in which a listener tries them. Of a range with one port per connection, the ports
 * of our own services are left out: a data connection must never keep a service from starting.
 */
export function candidatePorts(entry: Channel): readonly number[] {
  const all = entry.ports.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, index) => from + index));
  return entry.busy.kind === 'onePortPerConnection' ? all.filter((port) => !servicePorts.has(port)) : all;
}

/** The port that is dialled when nothing else is known. Undefined for `local` and for ports that the configuration gives. */
export function defaultPort(entry: Channel): number | undefined {
  return entry.ports[0]?.from;
}
