import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery } from '../api/queries.ts';

/** The name of a computer of which only the id is known; the answers are cached. */
export function ComputerName({ id }: { readonly id: string }): ReactNode {
  const computer = useQuery(routeQuery('computer', { params: { id } }));
  return (
    <Link to="/computers/$id" params={{ id }}>
      {computer.data?.hostname ?? id.slice(0, 8)}
    </Link>
  );
}
