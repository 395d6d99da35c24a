import type { PanelResult, SnapshotFacts } from '@holdfast/protocol';

/** Pages that are asked for: more than somebody looks through. */
const maxPages = 20;

export interface RestorePoints {
  /** The newest first. */
  readonly points: readonly SnapshotFacts[];
  readonly unreadable: number;
  /** There are more than were asked for. */
  readonly isCut: boolean;
}

/** Those of a repository, page by page; the agent gives them in the order of their ids. */
export async function restorePoints(
  page: (after: string | undefined) => Promise<PanelResult<'snapshots'>>,
): Promise<RestorePoints> {
  const points: SnapshotFacts[] = [];
  let unreadable = 0;
  let after: string | undefined;
  for (let pages = 0; pages < maxPages; pages += 1) {
    const found = await page(after);
    points.push(...found.snapshots);
    unreadable += found.unreadable;
    after = found.next;
    if (after === undefined) break;
  }
  const newestFirst = points.toSorted((one, other) => other.takenAt.localeCompare(one.takenAt));
  return { points: newestFirst, unreadable, isCut: after !== undefined };
}
