export { groupId, groupName, userId, userName } from './accounts.ts';
export { FolderComparison, type SameFolder } from './compare-folder.ts';
export { forbidDumps } from './core-dumps.ts';
export { endOfThread, endThread } from './end-thread.ts';
export { type FileStatus, FolderProbe } from './folder-probe.ts';
export { discardMemory, returnFreedMemory } from './freed-memory.ts';
export {
  detachMount,
  type FuseMount,
  mountFuse,
  receiveDescriptor,
  setNonBlocking,
  socketPair,
  waitReadable,
} from './fuse.ts';
export { tryLockFile } from './locks.ts';
export { newFileMaker } from './new-file.ts';
export { adviseReading } from './read-advice.ts';
export { type ScryptCost, scrypt } from './scrypt.ts';
export { type SealedBytes, sealedBytes, sealedBytesByNode } from './sealed-bytes.ts';
export {
  hashesInLanes,
  type Sha256Stream,
  type Sha256Together,
  type StreamPiece,
  sha256Each,
  sha256OneByOne,
  sha256Together,
} from './sha256-streams.ts';
export { nextData, nextHole, punchHole } from './sparse.ts';
export { makeSpecialFile, type SpecialFileType } from './special-files.ts';
export { startThread } from './start-thread.ts';
export { syncFileSystem, syncFileSystemEarly } from './sync-file-system.ts';
export { setTimes, setTimesOfOpen } from './times.ts';
export { listXattrs, readXattr, removeXattr, writeXattr } from './xattrs.ts';
export { type ZstdContext, zstdContext } from './zstd-context.ts';
