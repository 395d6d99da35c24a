export {
  basicCredentials,
  type CredentialSource,
  type RenewingTokenOptions,
  type RequestToAuthorize,
  renewingToken,
  type Token,
} from './credentials.ts';
export { DryRunTarget } from './dry-run-target.ts';
export { maxObjectSizeBytes, objectSizeLimits } from './limits.ts';
export {
  type LocalDisk,
  type LocalObjectInfo,
  type ObjectReader,
  type StreamCreateOptions,
} from './local-disk/local-disk.ts';
export { type OpenLocalDiskOptions, openLocalDisk } from './local-disk/open-local-disk.ts';
export { isObjectId, printableName, requireObjectName } from './object-name.ts';
export { type OpenRestOptions, openRest } from './rest/open-rest.ts';
export { parseRange, parseRestPath, type RestPath } from './rest-path.ts';
export {
  objectPath,
  type RestListEntry,
  type RestRetention,
  type RestRetentionChange,
  restHeaders,
  restMediaType,
  restQueries,
  typeFolders,
  typeOfFolder,
} from './rest-protocol.ts';
export { restStatus } from './rest-status.ts';
export {
  type CreateOptions,
  type CreateResult,
  type ListOptions,
  type ObjectInfo,
  type ObjectName,
  type ObjectType,
  objectTypes,
  type ReadOptions,
  type ReplaceConfigOptions,
  type Retention,
  type StagedObject,
  type Staging,
  type Target,
  type TargetCapabilities,
  type Transferred,
  type WaitOptions,
} from './target.ts';
export { type Throttle, TokenBucket, type TokenBucketOptions, throttled } from './throttle.ts';
