import type { CatalogueSnapshot } from '@holdfast/protocol';
import { useQuery } from '@tanstack/react-query';
import { routeQuery } from '../../api/queries.ts';
import { useRepository } from '../repositories/use-repository.ts';

/** What a restore is of. */
interface PointFacts {
  /** Undefined while it is asked for; null where it is there no more, or the person may not see it. */
  readonly point: CatalogueSnapshot | null | undefined;
  readonly repository: string;
}

export function usePoint(o: { readonly snapshotId: string; readonly repositoryId: string }): PointFacts {
  const { snapshotId, repositoryId } = o;
  const found = useQuery(routeQuery('snapshots', { query: { snapshotId, repositoryId, limit: 1 } }));
  const repository = useRepository(repositoryId);
  return {
    point: found.data && (found.data.snapshots[0] ?? null),
    repository: repository.data?.name ?? repositoryId.slice(0, 8),
  };
}
