import type { OverviewCounts } from '../overview/overview.ts';
import type { RestHandlers } from './rest-app.ts';

export function overviewHandlers({ counts }: { counts: OverviewCounts }): Pick<RestHandlers, 'overview'> {
  return { overview: ({ scope, caller, query }) => counts.now(scope, { ...query, caller }) };
}
