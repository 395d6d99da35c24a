export * from './blob-index/index.ts';
export { ByteLru } from './byte-lru.ts';
export * from './format/index.ts';
export type { LockOptions, RepositoryLock } from './locks/repository-lock.ts';
export { initRepository, openRepository } from './open-repository.ts';
export * from './packs/index.ts';
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
