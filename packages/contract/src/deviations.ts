import type { ChannelId } from './channels.ts';

/** Where a channel is deliberately something else than its rows say. */
export interface Deviation {
  readonly channel: ChannelId;
  readonly field: 'ports' | 'roles' | 'loopbackOnly' | 'endpoints' | 'optional';
  /** What the rows say, and what the channel says instead. */
  readonly settled: string;
  readonly reason: string;
}

const noTcp138 = {
  field: 'ports',
  settled: 'TCP 137-139 becomes TCP 137 and 139; TCP 138 is off.',
  reason:
    'The NetBIOS datagram service exists over UDP only (RFC 1002, 5.3). TCP 138 is the product of a combined cell.',
} as const;

const localOnly = {
  field: 'loopbackOnly',
  settled: 'The rows named "targets" do not say that they stay inside one computer; the channel does.',
  reason:
    'Taken literally they would open every Windows computer to every other. The source itself calls the ports local.',
} as const;

const overflow = {
  field: 'optional',
  settled: 'The rows ask for 49152-65535 always; the channel only as overflow of the data range.',
  reason: 'Opening every dynamic port is worth it only where Windows has reserved ports of the data range.',
} as const;

const everyPlatform = {
  field: 'roles',
  settled: 'The rows name Windows; the channel is for agents of every platform.',
  reason: 'Every agent has the same service on its own computer, and nothing of it leaves the loopback interface.',
} as const;

const standAloneOnly = {
  field: 'optional',
  settled: 'The row asks for it always; the channel only where the agent works without a server.',
  reason: 'The document is about agents that stand alone. Where there is a server, it mails for all of them.',
} as const;

/** The tests demand one entry for every difference between a channel and its rows, and a difference for every entry. */
export const deviations: readonly Deviation[] = [
  { channel: 'server-to-windows-agent-netbios', ...noTcp138 },
  { channel: 'server-to-windows-distributor-netbios', ...noTcp138 },
  { channel: 'agent-to-smb-share-netbios', ...noTcp138 },
  { channel: 'agent-to-windows-gateway-netbios', ...noTcp138 },
  {
    channel: 'agent-to-windows-gateway-netbios-udp',
    field: 'ports',
    settled: 'UDP 137-139 becomes UDP 137-138; UDP 139 is off.',
    reason:
      'The NetBIOS session service exists over TCP only (RFC 1002, 5.2). UDP 139 is the product of a combined cell.',
  },
  {
    channel: 'agent-to-windows-gateway-smb-udp',
    field: 'ports',
    settled: 'UDP 445 is off: the channel opens no port.',
    reason: 'No SMB version uses UDP 445.',
  },
  {
    channel: 'agent-local-api',
    field: 'ports',
    settled: '6183 and upwards becomes 6183, then 6195-6204.',
    reason: '6184-6194 is opened to the network for the Windows service; the local interface must never end up there.',
  },
  { channel: 'agent-local-api', ...everyPlatform },
  { channel: 'agent-local-api', ...localOnly },
  {
    channel: 'agent-control-panel',
    field: 'ports',
    settled: '9395 and upwards becomes 9395-9404.',
    reason: 'The source sets no upper bound; ten ports are enough for one computer.',
  },
  { channel: 'agent-control-panel', ...everyPlatform },
  { channel: 'windows-agent-local-data', ...localOnly },
  { channel: 'windows-agent-local-data-overflow', ...localOnly },
  { channel: 'windows-agent-local-data-overflow', ...overflow },
  { channel: 'agent-to-mover-data-overflow', ...overflow },
  {
    channel: 'agent-to-cloud-gateway',
    field: 'ports',
    settled: '6180 and upwards becomes 6180-6182.',
    reason: 'The source sets no upper bound, and a provider has to tell its tenants which ports to open.',
  },
  {
    channel: 'server-to-agent-data',
    field: 'optional',
    settled: 'One row asks for the range always; the channel only while the mover beside the server moves the data.',
    reason: 'Nothing else in the installation dials these ports.',
  },
  {
    channel: 'server-to-windows-agent-endpoint-mapper',
    field: 'optional',
    settled: 'One row asks for 135 always; the channel only for clusters, file restore and quicker deployment.',
    reason: 'The row names file restore and publishing disks, which are part of the condition.',
  },
  { channel: 'agent-to-smtp', ...standAloneOnly },
  { channel: 'agent-to-gmail', ...standAloneOnly },
  { channel: 'agent-to-graph', ...standAloneOnly },
  {
    channel: 'agent-to-gmail',
    field: 'endpoints',
    settled: 'oauth2.googleapis.com is added to gmail.googleapis.com.',
    reason:
      'Access tokens come from there, by a service account as by a refresh token; without one Gmail takes nothing.',
  },
  {
    channel: 'azure-services',
    field: 'endpoints',
    settled: 'management.chinacloudapi.cn is left out of the government region.',
    reason: 'It is the address of the China region; a slip in the source.',
  },
];
