export { type BackupOptions, type BackupProgress, type BackupSummary, backup } from './backup.ts';
export { limits as engineLimits } from './limits.ts';
export { PatternList, patternText } from './patterns.ts';
export type { Progress } from './progress.ts';
