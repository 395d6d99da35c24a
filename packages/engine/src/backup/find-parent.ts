import { type ObjectId, parseTime, type Repository, timeOfDate } from '@holdfast/repository';

/** What snapshots can have in common, as for restic's --group-by. */
export type ParentGroupKey = 'host' | 'paths' | 'tags';

/** The snapshot whose unchanged files need not be read again. @throws snapshot.missing, usage.option for one that was named */
export async function findParent(
  repository: Repository,
  wanted: {
    /** An id or its beginning, or 'auto'. */
    readonly parent: string | undefined;
    readonly group: readonly ParentGroupKey[];
    readonly hostname: string;
    readonly paths: readonly string[];
    readonly tags: readonly string[];
    readonly notAfter: Date;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly id: ObjectId; readonly tree: ObjectId } | undefined> {
  const { group, signal } = wanted;
  if (wanted.parent === undefined) return undefined;
  if (wanted.parent !== 'auto') {
    const { id, snapshot } = await repository.loadSnapshot(wanted.parent, { signal });
    return { id, tree: snapshot.tree };
  }
  const notAfterNs = timeOfDate(wanted.notAfter);
  let latest: { readonly id: ObjectId; readonly tree: ObjectId; readonly timeNs: bigint } | undefined;
  // An unreadable snapshot only means that more is read; `check` is what reports it.
  for await (const { id, snapshot } of repository.snapshots({ onProblem: () => undefined, signal })) {
    if (group.includes('host') && snapshot.hostname !== wanted.hostname) continue;
    if (group.includes('paths') && !isSameSet(snapshot.paths, wanted.paths)) continue;
    if (group.includes('tags') && !isSameSet(snapshot.tags ?? [], wanted.tags)) continue;
    const timeNs = parseTime(snapshot.time) ?? 0n;
    if (timeNs <= notAfterNs && (latest === undefined || timeNs > latest.timeNs))
      latest = { id, tree: snapshot.tree, timeNs };
  }
  return latest;
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.toSorted().join('\0') === b.toSorted().join('\0');
}
