import type { Channel, ChannelId } from './channels.ts';
import type { FeatureId } from './features.ts';
import { type ProcessName, type Role, roles } from './roles.ts';

/** Where the sources make a channel: the files, from the root of the repository, that dial and that listen. */
interface Making {
  readonly dials: string;
  /** `outside`, in either: that end is no program of ours. */
  readonly listens: string;
  /** The ends between which this version makes it, where those are not all of the channel's. */
  readonly from?: readonly Role[];
  readonly to?: readonly Role[];
  /** This version does not yet let it take over for the channel that the contract says. */
  readonly takesOver?: false;
  /** Nobody knows which port a connection came to: what stands in is counted as that which it stands in for. */
  readonly countedAs?: readonly ChannelId[];
}

/** Names are resolved by the operating system, whatever the process. */
const resolver = 'the operating system';
const server = 'apps/server/src/server.ts';
const mover = 'apps/mover/src/mover.ts';
const agent = 'apps/agent/src/agent.ts';
const enroll = 'apps/cli/src/roles/enroll.ts';
const recovery = 'packages/protocol/src/recovery-client.ts';

/** The channels that this version makes. A test compares the table with the sources. All others are planned. */
export const madeChannels: Readonly<Partial<Record<ChannelId, Making>>> = {
  'windows-agent-service': { dials: 'apps/server/src/computers/agent-carriers.ts', listens: agent },
  'server-to-agent-transport': {
    dials: 'apps/server/src/computers/agent-carriers.ts',
    listens: mover,
    // A Windows agent is reached by its own service.
    to: ['agent-linux'],
    // An agent whose data port the mover can't dial gives up.
    takesOver: false,
  },
  'windows-agent-control': { dials: agent, listens: server },
  'posix-agent-control': { dials: agent, listens: server },
  'agent-to-mover-transport': { dials: 'apps/agent/src/data-channels.ts', listens: mover },
  'agent-to-mover-data': { dials: 'apps/agent/src/data-channels.ts', listens: 'apps/mover/src/data-channels.ts' },
  'server-to-agent-data': { dials: 'apps/mover/src/data-channels.ts', listens: 'apps/agent/src/data-channels.ts' },
  'agent-local-data': { dials: 'apps/agent/src/data-channels.ts', listens: 'apps/mover/src/data-channels.ts' },
  'windows-agent-local-data': { dials: 'apps/agent/src/data-channels.ts', listens: 'apps/mover/src/data-channels.ts' },
  'role-to-local-mover': { dials: agent, listens: mover },
  'agent-control-panel': { dials: 'apps/cli/src/roles/panel.ts', listens: 'apps/agent/src/panel/panel.ts' },
  'executor-to-local-agent': {
    dials: 'apps/executor/src/open.ts',
    listens: 'apps/agent/src/executor/executor-service.ts',
  },
  'client-to-server': { dials: 'apps/cli/src/managed/server-connection.ts', listens: server },
  'client-to-server-alternate': {
    dials: 'apps/cli/src/managed/server-connection.ts',
    listens: server,
    from: ['client', 'metrics-collector', 'recovery-media'],
    countedAs: ['client-to-server', 'metrics-to-server', 'recovery-media-identity'],
  },
  'metrics-to-server': { dials: 'outside', listens: server },
  'client-to-mover': { dials: 'apps/cli/src/stand-alone/open-repository.ts', listens: mover },
  'server-to-mover': { dials: 'apps/server/src/computers/mover-link.ts', listens: mover },
  'mover-to-server': { dials: 'apps/mover/src/report.ts', listens: server },
  probe: { dials: 'packages/wire/src/probe/prober.ts', listens: 'apps/cli/src/ports/check.ts' },
  enrolment: { dials: enroll, listens: server },
  'windows-enrolment': { dials: enroll, listens: server },
  'recovery-media-token-sign-in': { dials: recovery, listens: server },
  'recovery-media-credential-sign-in': { dials: recovery, listens: server },
  'recovery-media-identity': { dials: recovery, listens: server },
  'recovery-media-to-mover': { dials: 'apps/cli/src/recovery/open-backup.ts', listens: mover },
  'agent-to-smtp': { dials: 'packages/notify/src/senders/smtp.ts', listens: 'outside' },
  'agent-to-smtp-submission': { dials: 'packages/notify/src/senders/smtp.ts', listens: 'outside' },
  'agent-to-gmail': { dials: 'packages/notify/src/senders/gmail.ts', listens: 'outside' },
  'agent-to-graph': { dials: 'packages/notify/src/senders/graph.ts', listens: 'outside' },
  'posix-agent-to-smtp': { dials: 'packages/notify/src/senders/smtp.ts', listens: 'outside' },
  'posix-agent-to-mail-api': { dials: 'packages/notify/src/senders/gmail.ts', listens: 'outside' },
  'agent-to-webhook': { dials: 'packages/notify/src/senders/webhook.ts', listens: 'outside' },
  'agent-to-syslog': { dials: 'packages/notify/src/senders/syslog.ts', listens: 'outside' },
  'agent-to-syslog-udp': { dials: 'packages/notify/src/senders/syslog.ts', listens: 'outside' },
  'server-to-smtp': { dials: 'packages/notify/src/senders/smtp.ts', listens: 'outside' },
  'server-to-mail-api': { dials: 'packages/notify/src/senders/gmail.ts', listens: 'outside' },
  'server-to-webhook': { dials: 'packages/notify/src/senders/webhook.ts', listens: 'outside' },
  'server-to-syslog': { dials: 'packages/notify/src/senders/syslog.ts', listens: 'outside' },
  'server-to-syslog-udp': { dials: 'packages/notify/src/senders/syslog.ts', listens: 'outside' },
  'server-to-identity-provider': { dials: 'apps/server/src/oauth/outside-fetch.ts', listens: 'outside' },
  'server-to-database': { dials: 'apps/server/src/database-place.ts', listens: 'outside' },
  'server-to-dns': { dials: resolver, listens: 'outside' },
  'server-to-dns-tcp': { dials: resolver, listens: 'outside' },
  'host-to-dns': { dials: resolver, listens: 'outside' },
  'host-to-dns-tcp': { dials: resolver, listens: 'outside' },
};

/** What works in this version; of a channel that it makes, the other features are still to come. */
const madeFeatures: ReadonlySet<FeatureId> = new Set<FeatureId>([
  'enrolment',
  'managed-backup',
  'managed-restore',
  'agent-policy',
  'agent-backup',
  'agent-restore',
  'mover-management',
  'mover-reports',
  'full-speed-data',
  'local-backup',
  'local-roles',
  'name-resolution',
  'command-line',
  'rest-api',
  'restic-client',
  'recovery-sign-in',
  'pre-flight-checks',
  'metrics',
  'mail-notification',
  'webhooks',
  'syslog-events',
]);

/** Programs of ours that this version has. */
const madePrograms: ReadonlySet<ProcessName> = new Set<ProcessName>([
  'server',
  'mover',
  'agent',
  'recovery',
  'client',
  'outside',
]);

function isMadeRole(role: Role): boolean {
  return madePrograms.has(roles[role].process);
}

/** The roles between which this version makes the channel. Undefined: it does not make it at all. */
export function madeBetween(entry: Channel): { from: readonly Role[]; to: readonly Role[] } | undefined {
  const making = madeChannels[entry.id];
  if (!making) return undefined;
  return { from: (making.from ?? entry.from).filter(isMadeRole), to: (making.to ?? entry.to).filter(isMadeRole) };
}

/**
 * The program that counts, at that end, what goes along the channel: one that runs all the time and opens the connections
 * itself. Undefined: nothing counts it there.
 */
export function countedBy(end: 'from' | 'to', id: ChannelId): 'server' | 'mover' | 'agent' | undefined {
  const making = madeChannels[id];
  const source = end === 'from' ? making?.dials : making?.listens;
  return (['server', 'mover', 'agent'] as const).find((program) => source?.startsWith(`apps/${program}/`));
}

/** The channels under which connections along this one are counted. */
export function countedAs(id: ChannelId): readonly ChannelId[] {
  return madeChannels[id]?.countedAs ?? [id];
}

export function isMadeFeature(feature: FeatureId): boolean {
  return madeFeatures.has(feature);
}

/** Whether this version really uses the channel in the place of the one that it is the fallback of. */
export function isMadeFallback(entry: Channel): boolean {
  const making = madeChannels[entry.id];
  return entry.fallbackOf !== undefined && making !== undefined && making.takesOver !== false;
}
