import { hash } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import type { ObjectId, Repository } from '@holdfast/repository';
import { limits } from '../limits.ts';
import { walkTree } from '../walk-tree.ts';
import type { DrillAmount } from './drill.ts';

export interface ChosenFiles {
  /** Paths, a character for each byte; undefined: the whole snapshot. */
  readonly only: ReadonlySet<string> | undefined;
  readonly files: number;
  readonly bytes: number;
  /** Of the whole snapshot. */
  readonly totalFiles: number;
  readonly totalBytes: number;
}

interface Candidate {
  readonly rank: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * What a drill restores. Of a sample each file has the same chance, by a hash of the seed and its path: who has the repository can
 * find out later which files a seed means, and who runs the drill has no choice.
 * @throws drill.space when no file is small enough
 */
export async function chooseFiles(
  repository: Repository,
  o: {
    readonly tree: ObjectId;
    readonly amount: DrillAmount;
    readonly maxBytes: number;
    readonly seed: string;
    readonly signal: AbortSignal;
    /** Of folders that can't be read. */
    readonly onDamage: (problem: HoldfastError) => void;
  },
): Promise<ChosenFiles> {
  const { amount, maxBytes, seed, signal } = o;
  const wanted = amount.kind === 'whole' ? limits.drillMaxSampleFiles : amount.files;
  let candidates: Candidate[] = [];
  let [totalFiles, totalBytes] = [0, 0];
  for await (const event of walkTree(repository, { tree: o.tree, signal, onProblem: o.onDamage })) {
    if (event.kind !== 'node' || event.node.type !== 'file') continue;
    const sizeBytes = Number(event.node.size ?? 0n);
    totalFiles += 1;
    totalBytes += sizeBytes;
    const path = event.path.toString('latin1');
    candidates.push({ rank: hash('sha256', `${seed}\0${path}`), path, sizeBytes });
    if (candidates.length >= 2 * wanted) candidates = lowest(candidates, wanted);
  }
  if (totalBytes <= maxBytes && (amount.kind === 'whole' || totalFiles <= wanted))
    return { only: undefined, files: totalFiles, bytes: totalBytes, totalFiles, totalBytes };
  const only = new Set<string>();
  let bytes = 0;
  for (const { path, sizeBytes } of lowest(candidates, wanted)) {
    if (bytes + sizeBytes > maxBytes) continue;
    only.add(path);
    bytes += sizeBytes;
  }
  if (only.size === 0)
    throw new HoldfastError('drill.space', {
      message: `None of the files that were chosen is smaller than the limit of ${maxBytes} bytes.`,
      guidance: 'Let drills restore more bytes.',
    });
  return { only, files: only.size, bytes, totalFiles, totalBytes };
}

function lowest(candidates: Candidate[], count: number): Candidate[] {
  return candidates.sort((a, b) => (a.rank < b.rank ? -1 : 1)).slice(0, count);
}
