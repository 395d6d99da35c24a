export { Chunker } from './backup/chunker.ts';
export { limits as engineLimits } from './limits.ts';
export { isListed, type ListFoldersOptions, listFolders } from './list-folders.ts';
export { type ListedNode, listTree } from './list-tree.ts';
export { PatternList, patternText } from './patterns.ts';
export type { Progress, Waits } from './progress.ts';
export { findFolder, findNode, subtreeOf, type WalkEvent, type WalkedNode, walkTree } from './walk-tree.ts';
