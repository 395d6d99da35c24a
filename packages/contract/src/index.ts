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
export { type Computer, type ComputerChannels, channelsOf } from './computer.ts';
export { type Deviation, deviations } from './deviations.ts';
export { renderPortsDocument } from './document.ts';
export { type FeatureId, features } from './features.ts';
export {
  type ChannelListing,
  listChannels,
  listRows,
  parseRoles,
  type RowListing,
  renderJsonLines,
  selectChannels,
} from './listing.ts';
export { countedAs, countedBy } from './made-channels.ts';
export { isOnByDefault, isOption, type OptionId, optionIds, options } from './options.ts';
export {
  agentRole,
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
export type { SourceDocument } from './row-spec.ts';
export { countRows, isOff, type LiveRow, type RowCounts, type RowStatus, rowStatuses } from './row-status.ts';
export { type Row, type RowId, rows } from './rows.ts';
export { renderChannelTable, renderRowTable, type TableOptions } from './tables.ts';
export { formatRange } from './wording.ts';
