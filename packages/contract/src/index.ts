export type { BusyPort, Endpoint, PortRange, Security, Transport } from './channel-spec.ts';
export {
  type Channel,
  type ChannelId,
  candidatePorts,
  channel,
  channels,
  defaultPort,
  fallbacksOf,
  isChannelId,
  type Subject,
} from './channels.ts';
export { type FeatureId, features } from './features.ts';
export {
  type CertificateRole,
  certificateRole,
  certificateRoleOf,
  effectiveRoles,
  isRole,
  type Platform,
  type ProcessName,
  platforms,
  type Role,
  roleNames,
  rolePlatforms,
  roles,
} from './roles.ts';
