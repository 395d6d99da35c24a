export type { Brand } from './brand.ts';
export { type Clock, ManualClock, systemClock } from './clock.ts';
export { BoundedQueue, Semaphore } from './concurrency.ts';
export { type ErrorCode, type ErrorEntry, type ExitStatus, errorTable, exitStatus, type Retry } from './error-table.ts';
export {
  type ErrorContext,
  type ErrorDetails,
  type ErrorReport,
  errnoOf,
  HoldfastError,
  hasCode,
  isHoldfastError,
  toHoldfastError,
} from './errors.ts';
export { oneLine, plainLines, withoutControl } from './plain-text.ts';
export { tarEnd, tarPadding, type UstarFields, ustarHeader } from './tar.ts';
export { formatBytes, formatCount, formatDuration, parseDurationMs } from './units.ts';
export { productVersion } from './version.ts';
