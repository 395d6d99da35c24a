import { pathText, type ReadingLine } from './reading-line.ts';

/** An entry of a snapshot that was searched for. */
export interface Hit {
  readonly snapshotId: string;
  readonly path: string;
  readonly type: string;
  readonly sizeBytes: number;
  readonly modifiedAt: string | undefined;
}

/** The same file in some points: unchanged by size and time. */
export interface FoundVersion extends Omit<Hit, 'snapshotId'> {
  readonly key: string;
  readonly count: number;
  /** The newest point that has it. */
  readonly newest: string;
}

/** Reads lines of `find`: those of entries belong to the snapshot whose line came before. */
export function readHits(): (line: ReadingLine) => Hit | undefined {
  let snapshotId = '';
  return (line) => {
    if (line.kind === 'snapshot') snapshotId = line.id;
    if (line.kind !== 'node') return undefined;
    const node = JSON.parse(line.node) as { type?: string; size?: number; mtime?: string };
    const { type = '', size = 0, mtime } = node;
    return { snapshotId, path: pathText(line.path), type, sizeBytes: size, modifiedAt: mtime };
  };
}

/** By path, the newest version of each first; `takenAt` is by snapshot. */
export function versionsOf(hits: readonly Hit[], takenAt: ReadonlyMap<string, string>): readonly FoundVersion[] {
  const timeOf = (id: string): string => takenAt.get(id) ?? '';
  const versions = Map.groupBy(hits, ({ path, type, sizeBytes, modifiedAt }) =>
    // What a folder holds changes its time, which makes no other folder of it.
    JSON.stringify(type === 'dir' ? [path] : [path, type, sizeBytes, modifiedAt]),
  );
  return Array.from(versions, ([key, [first, ...others]]): FoundVersion | undefined => {
    if (!first) return undefined;
    const newest = others.reduce((best, hit) => (timeOf(hit.snapshotId) > timeOf(best.snapshotId) ? hit : best), first);
    return { ...newest, key, count: others.length + 1, newest: newest.snapshotId };
  })
    .filter((version) => version !== undefined)
    .sort((a, b) => compare(a.path, b.path) || compare(timeOf(b.newest), timeOf(a.newest)));
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
