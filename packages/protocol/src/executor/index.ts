/**
 * What the process that opens a repository needs, and no more: it is started while somebody waits, and loading everything would be half
 * of that.
 */
export { CallPeer } from '../calls.ts';
export { reportOf } from '../error-report.ts';
export { type ExecutorPlace, executorMethods, joinedStream } from '../executor-process.ts';
export * as limits from '../limits.ts';
export { dialRepository } from '../local-mover.ts';
export type { RetentionRule, SnapshotEntry, SnapshotFacts } from '../maintenance-tasks.ts';
export { viewPath, viewProtocol } from '../mover-paths.ts';
export type { ContentsHead, Listing, Reading, ReadingLine } from '../reading.ts';
export type { RepositoryAccess } from '../repository-access.ts';
export { minKeptPoints, type Retention } from '../retention.ts';
export { logLineOf } from '../run-log.ts';
export { TaskOutput } from '../task-output.ts';
export { type Progress, type Task, type TaskOutcome, viewServed } from '../tasks.ts';
