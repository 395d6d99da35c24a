export {
  type DiffChange,
  type DiffCounts,
  type DiffModifier,
  type DiffSummary,
  diffTrees,
} from './diff-snapshots.ts';
export { type ExtensionChange, extensionChanges } from './extension-changes.ts';
