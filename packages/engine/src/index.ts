export { type BackupOptions, type BackupProgress, type BackupSummary, backup } from './backup/backup.ts';
export { type BackupThreads, backupThreads } from './backup/backup-threads.ts';
export { Chunker } from './backup/chunker.ts';
export {
  type DiffChange,
  type DiffCounts,
  type DiffModifier,
  type DiffSummary,
  diffTrees,
} from './diff/diff-snapshots.ts';
export { type DumpSink, dumpFile, dumpFolder } from './dump/dump.ts';
export { type FindEntriesOptions, findEntries } from './find/find-entries.ts';
export { blobsOfPacks, type FoundObject, findObjects, IdPrefixes, type WantedObjects } from './find/find-objects.ts';
export { FindPatterns } from './find/find-patterns.ts';
export { limits as engineLimits } from './limits.ts';
export { type ListedNode, listTree } from './list-tree.ts';
export { type MountOptions, mountRepository } from './mount/mount-repository.ts';
export { defaultTemplates, type FolderTemplates } from './mount/snapshot-folders.ts';
export { PatternList, patternText } from './patterns.ts';
export type { Progress } from './progress.ts';
export { type RestoreOptions, type RestoreProgress, type RestoreSummary, restore } from './restore/restore.ts';
export type { Overwrite } from './restore/restore-jobs.ts';
export type { RestoredEntry } from './restore/restore-state.ts';
export { type RestoreThreads, restoreThreads } from './restore/restore-threads.ts';
export { type HeldVolumes, type HoldOptions, holdVolumes } from './snapshot-providers/hold-volumes.ts';
export type { ProviderName } from './snapshot-providers/snapshot-provider.ts';
export { measureSnapshots, type Stats, type StatsMode, type StatsOptions } from './stats/measure-snapshots.ts';
export { findFolder, findNode, subtreeOf, type WalkEvent, type WalkedNode, walkTree } from './walk-tree.ts';
