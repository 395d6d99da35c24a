import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { computerNameQuery } from '../api/computer-names.ts';

/** The name of a computer of which only the id is known. */
export function ComputerName({ id }: { readonly id: string }): ReactNode {
  const name = useQuery(computerNameQuery(id));
  return (
    <Link to="/computers/$id" params={{ id }}>
      {name.data ?? id.slice(0, 8)}
    </Link>
  );
}
