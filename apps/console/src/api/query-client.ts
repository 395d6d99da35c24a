import { QueryClient } from '@tanstack/react-query';
import { ApiProblem, hasCode } from './problem.ts';

/** How often a request is made again by itself that failed for a passing reason. */
const retries = 2;

/** `onSignedOut` is told when the server no longer knows the session. */
export function createQueryClient(onSignedOut: () => void): QueryClient {
  const client = new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        gcTime: 5 * 60_000,
        networkMode: 'always',
        retry: (failures, error) => isPassing(error) && failures < retries,
        refetchOnWindowFocus: true,
      },
      mutations: { networkMode: 'always', retry: (failures, error) => isPassing(error) && failures < retries },
    },
  });
  const watch = (error: unknown): void => {
    if (hasCode(error, 'auth.required')) onSignedOut();
    // The account may do less than when the page was opened: what is offered is made new.
    if (hasCode(error, 'auth.forbidden')) void client.invalidateQueries({ queryKey: ['account'] });
  };
  client.getQueryCache().config.onError = watch;
  client.getMutationCache().config.onError = watch;
  return client;
}

function isPassing(error: unknown): boolean {
  return error instanceof ApiProblem && error.code === 'unreachable';
}
