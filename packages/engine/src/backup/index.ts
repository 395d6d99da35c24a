export { type BackupOptions, type BackupProgress, type BackupSummary, backup } from './backup.ts';
export { type BackupThreads, backupThreads } from './backup-threads.ts';
export { cacheMark, type FolderMark } from './exclusions.ts';
export type { StreamSource } from './stream-run.ts';
