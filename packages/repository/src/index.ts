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
} from './blob.ts';
export { BlobCipher, sealOverheadBytes } from './blob-cipher.ts';
export { BlobIndex, type BlobIndexHandle, type BlobKey, type Claim } from './blob-index.ts';
export { BlobOpener, type SealedBlob } from './blob-opener.ts';
export { BlobWriter, type BlobWriterOptions, type WrittenObjects } from './blob-writer.ts';
export { ByteLru } from './byte-lru.ts';
export type { CheckProblem, CheckReport, CheckSeverity } from './check-report.ts';
export { type CheckOptions, type CheckProgress, checkRepository } from './check-repository.ts';
export { type Compress, type Compression, defaultCompression } from './compression.ts';
export type { RepositoryConfig } from './config.ts';
export { type CopyOptions, type CopyProgress, type CopyReport, copySnapshots } from './copy-snapshots.ts';
export { isDamage } from './damage.ts';
export { type DataSubset, parseDataSubset } from './data-subset.ts';
export { goFileMode, unixPermissions } from './file-mode.ts';
export { type ForgetOptions, type ForgetResult, forgetSnapshots } from './forget.ts';
export { goJsonString, quoteName, unquoteName } from './go-text.ts';
export type { IndexedPack } from './index-file.ts';
export type { KeyOptions, ScryptCost } from './key-file.ts';
export { addKey, type ChangedPassword, changePassword, type KeyInfo, listKeys, removeKey } from './keys.ts';
export { limits as repositoryLimits } from './limits.ts';
export { applicableMigrations, migrations, upgradeToVersion2 } from './migrate.ts';
export { type ExtendedAttribute, encodeNode, type Node, type NodeType, nodeTypes } from './node.ts';
export { idBytes, isObjectId, type ObjectId, objectIdOf, parseObjectId, shortId } from './object-id.ts';
export { initRepository, openRepository } from './open-repository.ts';
export {
  type AddedBlob,
  type FinishedPack,
  PackBuilder,
  type PackBuilderOptions,
  type PartialPack,
  type UnnamedPack,
} from './pack-builder.ts';
export { decodeHeader, type PackHeader, visitHeader } from './pack-header.ts';
export { type BlobToRead, type PackRead, type PackReadOptions, planPackReads } from './pack-reads.ts';
export { type PruneOptions, prune } from './prune.ts';
export type { PruneLimits, PruneProgress, PruneReport, PruneStatistics } from './prune-report.ts';
export {
  type RepairedIndex,
  repairIndex,
} from './repair-index.ts';
export { type RepairedPacks, repairPacks } from './repair-packs.ts';
export { repairSnapshots, type SnapshotRepair } from './repair-snapshots.ts';
export type { Loss } from './repair-tree.ts';
export { type FileProblem, type FoundSnapshot, type OnProblem, Repository } from './repository.ts';
export type { RepositoryKey } from './repository-key.ts';
export type { LockOptions, RepositoryLock } from './repository-lock.ts';
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
} from './retention-policy.ts';
export {
  type RewriteOptions,
  type RewrittenSnapshot,
  removeRewritten,
  rewriteSnapshots,
} from './rewrite-snapshots.ts';
export type { NodeFilter } from './rewrite-tree.ts';
export { formatTime, parseTime, timeOfDate } from './rfc3339.ts';
export { encodeSnapshot, type Snapshot, type SnapshotSummary } from './snapshot.ts';
export { type ReplacedSnapshot, type TagChange, tagSnapshots } from './tag-snapshots.ts';
export { decodeTree, encodeTree, isSafeName, type Tree, TreeEncoder } from './tree.ts';
export { removeLocks } from './unlock.ts';
