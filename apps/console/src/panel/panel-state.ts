import type { PanelState } from '@holdfast/protocol';
import { queryOptions } from '@tanstack/react-query';
import type { ApiProblem } from '../api/problem.ts';
import { ask } from './panel-session.ts';

const busyMs = 1_000;
const quietMs = 5_000;

/** What the agent tells of its computer; asked for again and again, more often while something runs. */
export const stateQuery = queryOptions<PanelState, ApiProblem>({
  queryKey: ['state'],
  queryFn: ({ signal }) => ask('state', {}, signal),
  refetchInterval: ({ state: { data } }) => (isBusy(data) ? busyMs : quietMs),
});

function isBusy(state: PanelState | undefined): boolean {
  return (
    state !== undefined &&
    (state.tasks.some(({ state: one }) => one === 'running') || state.policies.some(({ state: one }) => one !== 'idle'))
  );
}
