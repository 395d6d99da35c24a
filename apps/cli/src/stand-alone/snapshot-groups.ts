import type { FoundSnapshot } from '@holdfast/repository';
import { InvalidArgumentError } from 'commander';

export type GroupField = 'host' | 'paths' | 'tags';

/** restic's key of a group: a field that is not grouped by is empty or null. */
export interface SnapshotGroupKey {
  readonly hostname: string;
  readonly paths: readonly string[] | null;
  readonly tags: readonly string[] | null;
}

export interface SnapshotGroup {
  readonly key: SnapshotGroupKey;
  readonly snapshots: readonly FoundSnapshot[];
}

const fields: ReadonlyMap<string, GroupField> = new Map([
  ['host', 'host'],
  ['hosts', 'host'],
  ['path', 'paths'],
  ['paths', 'paths'],
  ['tag', 'tags'],
  ['tags', 'tags'],
]);

/** `host,paths`, as an option's value. */
export function groupFields(value: string): readonly GroupField[] {
  return value
    .split(',')
    .filter((name) => name !== '')
    .map((name) => {
      const field = fields.get(name);
      if (field === undefined) throw new InvalidArgumentError(`${name} is none of host, paths and tags.`);
      return field;
    });
}

/** The groups in the order of their first snapshot; without fields everything is one. */
export function groupSnapshots(snapshots: readonly FoundSnapshot[], by: readonly GroupField[]): SnapshotGroup[] {
  const groups = new Map<string, { key: SnapshotGroupKey; snapshots: FoundSnapshot[] }>();
  for (const found of snapshots) {
    const { hostname = '', paths, tags } = found.snapshot;
    const key: SnapshotGroupKey = {
      hostname: by.includes('host') ? hostname : '',
      paths: by.includes('paths') ? [...paths].sort() : null,
      tags: by.includes('tags') ? (tags === undefined || tags.length === 0 ? null : [...tags].sort()) : null,
    };
    const name = JSON.stringify(key);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { key, snapshots: [found] });
    else group.snapshots.push(found);
  }
  return [...groups.values()];
}

/** The newest of a list that is in the order of time: of the whole list, or of each computer with the same paths. */
export function newestSnapshots(
  snapshots: readonly FoundSnapshot[],
  o: { readonly count: number; readonly of: 'all' | 'host and paths' },
): FoundSnapshot[] {
  if (o.of === 'all') return snapshots.slice(-o.count);
  const seen = new Map<string, number>();
  return snapshots
    .toReversed()
    .filter(({ snapshot }) => {
      const name = JSON.stringify([snapshot.hostname ?? '', [...snapshot.paths].sort()]);
      const count = (seen.get(name) ?? 0) + 1;
      seen.set(name, count);
      return count <= o.count;
    })
    .reverse();
}
