import { infiniteQueryOptions } from '@tanstack/react-query';
import { call } from '../../api/call.ts';
import { routeKey } from '../../api/queries.ts';

const pageSize = 1_000;

/** What a folder of a snapshot holds, page by page as far as somebody scrolls. A snapshot never changes: what was read stays good. */
export function entriesQuery(o: { readonly repositoryId: string; readonly snapshotId: string; readonly path: string }) {
  const params = { id: o.repositoryId, snapshotId: o.snapshotId };
  return infiniteQueryOptions({
    queryKey: ['entries', ...routeKey('snapshotEntries', { params, path: o.path })],
    initialPageParam: 0,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal, pageParam }) =>
      call('snapshotEntries', { params, query: { path: o.path, skip: pageParam, limit: pageSize }, signal }),
    getNextPageParam: (last, _pages, skipped) => (last.more ? skipped + last.entries.length : undefined),
  });
}
