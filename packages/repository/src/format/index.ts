/** For threads, which know blobs and trees but no repository; who opens one has all of it from the main entry. */
export { isDamage } from '../damage.ts';
export { limits as repositoryLimits } from '../limits.ts';
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
export {
  type Compress,
  type Compression,
  type CompressionMode,
  compressionOf,
  defaultCompression,
} from './compression.ts';
export type { RepositoryConfig } from './config.ts';
export { goFileMode, unixPermissions } from './file-mode.ts';
export { goJsonString, quoteName, unquoteName } from './go-text.ts';
export type { IndexedPack } from './index-file.ts';
export type { KeyOptions } from './key-file.ts';
export { type ExtendedAttribute, encodeNode, type Node, type NodeType, nodeTypes } from './node.ts';
export { idBytes, isObjectId, type ObjectId, objectIdOf, parseObjectId, shortId } from './object-id.ts';
export { decodeHeader, type PackHeader, visitHeader } from './pack-header.ts';
export { type RepositoryKey, repositoryKeyFromBytes } from './repository-key.ts';
export { formatTime, parseTime, timeOfDate } from './rfc3339.ts';
export { decodeSnapshot, encodeSnapshot, type Snapshot, type SnapshotSummary } from './snapshot.ts';
export { decodeTree, encodeTree, isSafeName, type Tree, TreeEncoder } from './tree.ts';
export { TreeSlices } from './tree-slices.ts';
