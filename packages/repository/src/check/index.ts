export type { CheckProblem, CheckReport, CheckSeverity } from './check-report.ts';
export { type CheckOptions, type CheckProgress, checkRepository } from './check-repository.ts';
export { type DataSubset, parseDataSubset } from './data-subset.ts';
