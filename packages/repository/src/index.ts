export { BlobIndex, type BlobIndexHandle, type BlobKey, type Claim } from './blob-index/blob-index.ts';
export { ByteLru } from './byte-lru.ts';
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
export { limits as repositoryLimits } from './limits.ts';
export type { LockOptions, RepositoryLock } from './locks/repository-lock.ts';
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
export { configText, type JsonObjectType, masterKeyText, readObjectText } from './read-object.ts';
export { type FileProblem, type FoundSnapshot, type OnProblem, Repository } from './repository.ts';
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
