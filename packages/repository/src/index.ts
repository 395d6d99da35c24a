export { BlobIndex, type BlobIndexHandle, type BlobKey, type Claim } from './blob-index/blob-index.ts';
export { ByteLru } from './byte-lru.ts';
export type { CheckProblem, CheckReport, CheckSeverity } from './check/check-report.ts';
export { type CheckOptions, type CheckProgress, checkRepository } from './check/check-repository.ts';
export { type DataSubset, parseDataSubset } from './check/data-subset.ts';
export { type CopyOptions, type CopyProgress, type CopyReport, copySnapshots } from './copy/copy-snapshots.ts';
export { isDamage } from './damage.ts';
export {
  type BlobLocation,
  type BlobPlace,
  type BlobType,
  blobId,
  type Decompress,
  openBlob,
  type PackedBlob,
  plainLength,
  unsealBlob,
  wrongBlob,
} from './format/blob.ts';
export { BlobCipher, sealOverheadBytes } from './format/blob-cipher.ts';
export { type Compress, type Compression, defaultCompression } from './format/compression.ts';
export type { RepositoryConfig } from './format/config.ts';
export { goFileMode, unixPermissions } from './format/file-mode.ts';
export { goJsonString, quoteName, unquoteName } from './format/go-text.ts';
export type { IndexedPack } from './format/index-file.ts';
export type { KeyOptions, ScryptCost } from './format/key-file.ts';
export { type ExtendedAttribute, encodeNode, type Node, type NodeType, nodeTypes } from './format/node.ts';
export { idBytes, isObjectId, type ObjectId, objectIdOf, parseObjectId, shortId } from './format/object-id.ts';
export { decodeHeader, type PackHeader, visitHeader } from './format/pack-header.ts';
export type { RepositoryKey } from './format/repository-key.ts';
export { formatTime, parseTime, timeOfDate } from './format/rfc3339.ts';
export { encodeSnapshot, type Snapshot, type SnapshotSummary } from './format/snapshot.ts';
export { decodeTree, encodeTree, isSafeName, type Tree, TreeEncoder } from './format/tree.ts';
export { addKey, type ChangedPassword, changePassword, type KeyInfo, listKeys, removeKey } from './keys/keys.ts';
export { limits as repositoryLimits } from './limits.ts';
export type { LockOptions, RepositoryLock } from './locks/repository-lock.ts';
export { removeLocks } from './locks/unlock.ts';
export { applicableMigrations, migrations, upgradeToVersion2 } from './migrate.ts';
export { initRepository, openRepository } from './open-repository.ts';
export { BlobOpener, type SealedBlob } from './packs/blob-opener.ts';
export { BlobWriter, type BlobWriterOptions, type WrittenObjects } from './packs/blob-writer.ts';
export {
  type AddedBlob,
  type FinishedPack,
  PackBuilder,
  type PackBuilderOptions,
  type PartialPack,
  type UnnamedPack,
} from './packs/pack-builder.ts';
export { type BlobToRead, type PackRead, type PackReadOptions, planPackReads } from './packs/pack-reads.ts';
export { type PruneOptions, prune } from './prune/prune.ts';
export type { PruneLimits, PruneProgress, PruneReport, PruneStatistics } from './prune/prune-report.ts';
export { configText, type JsonObjectType, masterKeyText, readObjectText } from './read-object.ts';
export {
  type RepairedIndex,
  repairIndex,
} from './repair/repair-index.ts';
export { type RepairedPacks, repairPacks } from './repair/repair-packs.ts';
export { repairSnapshots, type SnapshotRepair } from './repair/repair-snapshots.ts';
export type { Loss } from './repair/repair-tree.ts';
export { type FileProblem, type FoundSnapshot, type OnProblem, Repository } from './repository.ts';
export { type ForgetOptions, type ForgetResult, forgetSnapshots } from './snapshots/forget.ts';
export {
  applyPolicy,
  type CalendarSpan,
  hasTags,
  isEmptyPolicy,
  type KeepCount,
  type KeptSnapshot,
  type PolicyResult,
  parseCalendarSpan,
  policyText,
  type RetentionPeriod,
  type RetentionPolicy,
  retentionPeriods,
} from './snapshots/retention-policy.ts';
export {
  type RewriteOptions,
  type RewrittenSnapshot,
  removeRewritten,
  rewriteSnapshots,
} from './snapshots/rewrite-snapshots.ts';
export type { NodeFilter } from './snapshots/rewrite-tree.ts';
export { type ReplacedSnapshot, type TagChange, tagSnapshots } from './snapshots/tag-snapshots.ts';
