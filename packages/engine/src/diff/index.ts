export {
  type DiffChange,
  type DiffCounts,
  type DiffModifier,
  type DiffSummary,
  diffTrees,
} from './diff-snapshots.ts';
