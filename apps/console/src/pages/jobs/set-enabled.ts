import type { Job } from '@holdfast/protocol';
import { type UseMutationResult, useMutation, useQueryClient } from '@tanstack/react-query';
import { call, tagged } from '../../api/call.ts';
import type { ApiProblem } from '../../api/problem.ts';
import { invalidateRoutes } from '../../api/queries.ts';

/** Switches a job's schedule on or off, unless somebody else has changed the job meanwhile (`request.changed`). */
export function useSetEnabled(): UseMutationResult<
  Job,
  ApiProblem,
  { readonly id: string; readonly enabled: boolean }
> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ id, enabled }: { readonly id: string; readonly enabled: boolean }) => {
      const params = { id };
      const { answer, tag } = await tagged('job', { params });
      // A change tells all settings; the rest of a job is the server's.
      const {
        id: _id,
        createdAt: _at,
        changedAt: _changed,
        nextRunAt: _next,
        lastSession: _last,
        ...settings
      } = answer;
      return call('changeJob', { params, body: { ...settings, enabled }, ifMatch: tag });
    },
    onSettled: () => invalidateRoutes(client, ['jobs', 'job']),
  });
}
