export { type ForgetOptions, type ForgetResult, forgetSnapshots } from './forget.ts';
export {
  type RewriteOptions,
  type RewrittenSnapshot,
  removeRewritten,
  rewriteSnapshots,
} from './rewrite-snapshots.ts';
export type { NodeFilter } from './rewrite-tree.ts';
export { type ReplacedSnapshot, type TagChange, tagSnapshots } from './tag-snapshots.ts';
