export { type PruneOptions, prune } from './prune.ts';
export type { PruneLimits, PruneProgress, PruneReport, PruneStatistics } from './prune-report.ts';
