import type { Answer } from '@holdfast/protocol';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { parseAlertsSearch } from '../pages/alerts/alerts-search.ts';
import { parseComputersSearch } from '../pages/computers/computers-search.ts';
import { parseRepositoriesSearch } from '../pages/repositories/repositories-search.ts';
import { parseRunsSearch } from '../pages/runs/runs-search.ts';

export type Counted = Answer<'overview'>['approvals'];

/** A number of the server's, with a link to the table of what was counted. */
export function CountedLink(o: {
  readonly to: Pick<Counted, 'list' | 'query'>;
  readonly className?: string | undefined;
  readonly children: ReactNode;
}): ReactNode {
  const search = Object.fromEntries(new URLSearchParams(o.to.query));
  const { children, className = '' } = o;
  switch (o.to.list) {
    case 'computers':
      return (
        <Link to="/computers" search={parseComputersSearch(search)} className={className}>
          {children}
        </Link>
      );
    case 'runs':
      return (
        <Link to="/runs" search={parseRunsSearch(search)} className={className}>
          {children}
        </Link>
      );
    case 'repositories':
      return (
        <Link to="/repositories" search={parseRepositoriesSearch(search)} className={className}>
          {children}
        </Link>
      );
    case 'ransomware-alerts':
      return (
        <Link to="/alerts" search={parseAlertsSearch(search)} className={className}>
          {children}
        </Link>
      );
    case 'approvals':
      return (
        <Link to="/settings/approvals" className={className}>
          {children}
        </Link>
      );
  }
}
