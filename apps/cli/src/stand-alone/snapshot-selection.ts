import { HoldfastError } from '@holdfast/core';
import { type FoundSnapshot, hasTags, parseTime, type Repository } from '@holdfast/repository';
import { resolvePath } from '../data-directory.ts';
import { setting } from '../environment.ts';
import type { SnapshotFilter } from './snapshot-filter.ts';

export function matches({ snapshot }: FoundSnapshot, filter: SnapshotFilter): boolean {
  const { tag, path } = filter;
  const host = givenHosts(filter);
  const paths = new Set(snapshot.paths);
  return (
    (host === undefined || host.includes(snapshot.hostname ?? '')) &&
    (tag === undefined || tag.some((list) => hasTags(snapshot.tags ?? [], splitTagList(list)))) &&
    (path === undefined || path.every((one) => paths.has(resolvePath(one)))) &&
    (filter.at === undefined || (parseTime(snapshot.time) ?? 0n) <= filter.at)
  );
}

/** Whether any snapshot is left out. */
export function isFiltered(filter: SnapshotFilter): boolean {
  return [givenHosts(filter), filter.tag, filter.path, filter.at].some((given) => given !== undefined);
}

/** Empty text instead of the environment's computer, as restic has it: all computers. */
export function givenHosts({ host }: SnapshotFilter): readonly string[] | undefined {
  const fromEnvironment = setting('HOST');
  const hosts = host ?? (fromEnvironment ? [fromEnvironment] : undefined);
  return hosts?.length === 1 && hosts[0] === '' ? undefined : hosts;
}

/** The tags of one list; an empty one means a snapshot without tags. */
export function splitTagList(list: string): string[] {
  return list.split(',').map((tag) => tag.trim());
}

/** Oldest first. */
export function byTime(a: FoundSnapshot, b: FoundSnapshot): number {
  const difference = (parseTime(a.snapshot.time) ?? 0n) - (parseTime(b.snapshot.time) ?? 0n);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** A snapshot by id, beginning of an id, or `latest` among those that the filter leaves. */
export async function selectSnapshot(
  repository: Repository,
  o: {
    readonly reference: string;
    readonly filter: SnapshotFilter;
    readonly signal: AbortSignal;
    readonly onProblem: (problem: HoldfastError) => void;
  },
): Promise<FoundSnapshot> {
  const { reference, filter, signal, onProblem } = o;
  if (reference !== 'latest') return repository.loadSnapshot(reference, { signal });
  let latest: FoundSnapshot | undefined;
  for await (const found of repository.snapshots({ signal, onProblem })) {
    if (matches(found, filter) && (latest === undefined || byTime(found, latest) > 0)) latest = found;
  }
  if (latest) return latest;
  throw new HoldfastError('snapshot.missing', {
    message: isFiltered(filter)
      ? 'No snapshot fits --host, --tag, --path and --at.'
      : 'The repository has no snapshot yet.',
  });
}

/** `latest:/home/ann` is the folder of that snapshot. */
export function splitReference(text: string): { readonly reference: string; readonly path: string } {
  const colon = text.indexOf(':');
  return colon < 0
    ? { reference: text, path: '/' }
    : { reference: text.slice(0, colon), path: text.slice(colon + 1) || '/' };
}
