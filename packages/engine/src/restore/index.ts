export { type RestoreOptions, type RestoreProgress, type RestoreSummary, restore } from './restore.ts';
export type { Overwrite } from './restore-jobs.ts';
export { blobsOfRestore } from './restore-needs.ts';
export type { RestorePatterns } from './restore-selection.ts';
export type { RestoredEntry } from './restore-state.ts';
export { type RestoreThreads, restoreThreads } from './restore-threads.ts';
