export { type HeldVolumes, type HoldOptions, holdVolumes } from './hold-volumes.ts';
export type { ProviderName } from './snapshot-provider.ts';
