export {
  type RepairedIndex,
  repairIndex,
} from './repair-index.ts';
export { type RepairedPacks, repairPacks } from './repair-packs.ts';
export { repairSnapshots, type SnapshotRepair } from './repair-snapshots.ts';
export type { Loss } from './repair-tree.ts';
