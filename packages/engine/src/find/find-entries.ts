import type { HoldfastError } from '@holdfast/core';
import { type ObjectId, parseTime, type Repository } from '@holdfast/repository';
import { patternText } from '../patterns.ts';
import { type WalkedNode, walkTree } from '../walk-tree.ts';
import type { FindPatterns } from './find-patterns.ts';

export interface FindEntriesOptions {
  readonly tree: ObjectId;
  readonly patterns: FindPatterns;
  /** Bounds of the time of modification, in nanoseconds since 1970; both are still inside. */
  readonly oldestNs?: bigint | undefined;
  readonly newestNs?: bigint | undefined;
  /** Told of a folder that cannot be read; the search goes on without it. */
  readonly onProblem: (problem: HoldfastError, folder: WalkedNode) => void;
  readonly signal?: AbortSignal | undefined;
}

/** The entries of a snapshot that the patterns match. Folders in which nothing can match are not read. */
export async function* findEntries(repository: Repository, options: FindEntriesOptions): AsyncGenerator<WalkedNode> {
  const { tree, patterns, oldestNs, newestNs, onProblem, signal } = options;
  const above: string[] = [];
  const entries = walkTree(repository, { tree, enter: () => patterns.mayMatchBelow(above), onProblem, signal });
  for await (const entry of entries) {
    if (entry.kind === 'left') {
      above.pop();
      continue;
    }
    const name = patternText(entry.node.name);
    const matches = patterns.matches([...above, name]);
    if (entry.node.type === 'dir') above.push(name);
    if (!matches) continue;
    const modifiedNs = parseTime(entry.node.mtime) ?? 0n;
    if (oldestNs !== undefined && modifiedNs < oldestNs) continue;
    if (newestNs !== undefined && modifiedNs > newestNs) continue;
    yield entry;
  }
}
