import { HoldfastError } from '@holdfast/core';
import type { CatalogueSnapshot, RestClient } from '@holdfast/protocol';
import type { SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { givenHosts, splitTagList } from '../stand-alone/snapshot-selection.ts';
import { chooseRepository, chooseSnapshot } from './names.ts';

export interface ServerSnapshotFilter extends SnapshotFilter {
  /** Name or id. */
  readonly repository?: string;
}

/** Snapshots that the server lists and the filter leaves, newest first. */
async function serverSnapshots(
  client: RestClient,
  { filter, signal }: { readonly filter: ServerSnapshotFilter; readonly signal: AbortSignal },
): Promise<CatalogueSnapshot[]> {
  const { tag, path, at, repository } = filter;
  const query =
    repository === undefined ? {} : { repositoryId: (await chooseRepository(client, { text: repository, signal })).id };
  const hosts = givenHosts(filter);
  const all = await client.list('snapshots', { query, signal });
  return all.filter(
    ({ hostname, tags, sources, takenAt }) =>
      (hosts === undefined || hosts.includes(hostname)) &&
      (tag === undefined || tag.some((list) => hasTags(tags, splitTagList(list)))) &&
      (path === undefined || path.every((one) => sources.includes(one))) &&
      (at === undefined || BigInt(Date.parse(takenAt)) * 1_000_000n <= at),
  );
}

/** As in a repository: an empty tag means a snapshot without tags. */
function hasTags(tags: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((tag) => (tag === '' ? tags.length === 0 : tags.includes(tag)));
}

/** A snapshot by id, beginning of an id, or `latest` among those that the filter leaves. */
export async function serverSnapshot(
  client: RestClient,
  o: { readonly reference: string; readonly filter: ServerSnapshotFilter; readonly signal: AbortSignal },
): Promise<CatalogueSnapshot> {
  const { reference, filter, signal } = o;
  // As in a repository, an id is an id whatever the filter says.
  const wanted = reference === 'latest' ? filter : onlyRepository(filter);
  return chooseSnapshot(await serverSnapshots(client, { filter: wanted, signal }), reference);
}

/** The snapshots that were named, or else all that the filter leaves, which have to be of one repository; oldest first. */
export async function chosenServerSnapshots(
  client: RestClient,
  o: { readonly references: readonly string[]; readonly filter: ServerSnapshotFilter; readonly signal: AbortSignal },
): Promise<{ readonly repositoryId: string; readonly snapshots: readonly CatalogueSnapshot[] }> {
  const { references, filter, signal } = o;
  const left = await serverSnapshots(client, { filter, signal });
  const all = references.some((reference) => reference !== 'latest')
    ? await serverSnapshots(client, { filter: onlyRepository(filter), signal })
    : left;
  const chosen =
    references.length === 0
      ? left
      : references.map((reference) => chooseSnapshot(reference === 'latest' ? left : all, reference));
  const [first, ...others] = new Set(chosen.map(({ repositoryId }) => repositoryId));
  if (first === undefined)
    throw new HoldfastError('snapshot.missing', { message: 'The server knows no snapshot that fits.' });
  if (others.length > 0)
    throw new HoldfastError('usage.option', {
      message: `The snapshots are in ${others.length + 1} repositories.`,
      guidance: 'Say which one with --repository.',
    });
  return {
    repositoryId: first,
    snapshots: [...new Map(chosen.map((one) => [one.id, one])).values()].sort((a, b) =>
      a.takenAt < b.takenAt ? -1 : 1,
    ),
  };
}

function onlyRepository({ repository }: ServerSnapshotFilter): ServerSnapshotFilter {
  return repository === undefined ? {} : { repository };
}
