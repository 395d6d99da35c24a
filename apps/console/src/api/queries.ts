import type { Answer, CallArguments, Routes } from '@holdfast/protocol';
import {
  type InfiniteData,
  infiniteQueryOptions,
  keepPreviousData,
  type Query,
  type QueryClient,
  queryOptions,
  type UseMutationResult,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';
import { call, type RouteName } from './call.ts';
import { type ApiProblem, toProblem } from './problem.ts';

type Arguments<Name extends RouteName> = Omit<CallArguments<Routes[Name]>, 'signal'>;

/** The key of a cached answer: the route, then what it was asked with. To invalidate all answers of a route: `[name]`. */
export function routeKey(name: RouteName, args: object = {}): readonly [RouteName, object] {
  return [name, args];
}

/** An answer of a GET route, cached under its name and arguments; whoever leaves the page cancels the request. */
export function routeQuery<Name extends RouteName>(name: Name, args: Arguments<Name>) {
  return queryOptions({
    queryKey: routeKey(name, args),
    queryFn: ({ signal }): Promise<Answer<Name>> => call(name, { ...args, signal } as Parameters<typeof call<Name>>[1]),
  });
}

/** The routes whose answers are pages, each with the name of its list. */
type PagedRoute = {
  [Name in RouteName]: Answer<Name> extends { next?: string | undefined } ? Name : never;
}[RouteName];
type Page = { readonly next?: string | undefined };

/** A list page by page, as far as somebody scrolls. What was there stays while other filters are asked for. */
export function pagesQuery<Name extends PagedRoute>(name: Name, args: Arguments<Name>) {
  return infiniteQueryOptions({
    queryKey: ['pages', ...routeKey(name, args)],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ signal, pageParam }): Promise<Answer<Name>> => {
      const query = { ...(args as { query?: object }).query, ...(pageParam === undefined ? {} : { after: pageParam }) };
      return call(name, { ...args, query, signal } as unknown as Parameters<typeof call<Name>>[1]);
    },
    getNextPageParam: (last: Answer<Name>) => (last as Page).next,
    placeholderData: keepPreviousData<InfiniteData<Answer<Name>, string | undefined>>,
  });
}

/** By what was asked for: it is sent again, with the same key, by whatever render of the page comes to do it. */
const keys = new WeakMap<object, string>();

/**
 * Something that a person asks for. Each time gets a key of its own, under which it may be sent again after an answer that was
 * lost. What depends on it is asked for anew: the routes in `changes`.
 */
export function useAction<Name extends RouteName>(
  name: Name,
  changes: readonly RouteName[],
): UseMutationResult<Answer<Name>, ApiProblem, CallArguments<Routes[Name]>> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (args: CallArguments<Routes[Name]>) => {
      const idempotencyKey = keys.get(args) ?? crypto.randomUUID();
      keys.set(args, idempotencyKey);
      try {
        return await call(name, { ...args, idempotencyKey } as Parameters<typeof call<Name>>[1]);
      } catch (error) {
        throw toProblem(error);
      }
    },
    onSettled: (_answer, _error, args) => {
      keys.delete(args);
      return invalidateRoutes(client, changes);
    },
  });
}

/** Asks anew for what is on the screen of these routes, and for the rest when somebody looks at it; or for some of that. */
export async function invalidateRoutes(
  client: QueryClient,
  names: readonly RouteName[],
  predicate: (query: Query) => boolean = () => true,
): Promise<void> {
  await Promise.all(
    names.flatMap((name) => [
      client.invalidateQueries({ queryKey: [name], predicate }),
      client.invalidateQueries({ queryKey: ['pages', name], predicate }),
    ]),
  );
}
