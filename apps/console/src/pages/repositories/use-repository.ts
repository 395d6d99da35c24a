import type { Repository } from '@holdfast/protocol';
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { routeQuery } from '../../api/queries.ts';

/** The repository that has this id; nothing where the person may not see it. */
export function useRepository(id: string): UseQueryResult<Repository | undefined> {
  return useQuery({
    ...routeQuery('repositories', { query: { id, limit: 1 } }),
    select: ({ repositories }) => repositories[0],
  });
}
