import type { ServerEvent } from '@holdfast/protocol';
import type { Query, QueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { call, events, type RouteName } from './call.ts';
import { hasCode } from './problem.ts';
import { invalidateRoutes, routeKey } from './queries.ts';
import { watchReach } from './transport.ts';

/** Which answers an event of the server makes old. */
const affected: Readonly<Record<ServerEvent['kind'], readonly RouteName[]>> = {
  computer: ['overview', 'computers', 'computer', 'groups', 'group', 'expectedComputers'],
  run: ['overview', 'runs', 'run', 'snapshots', 'repositories', 'maintenanceTimes'],
  session: [
    ...(['overview', 'sessions', 'jobs', 'job', 'jobCalendar', 'policies', 'policy', 'policyComputers'] as const),
    ...(['computers', 'computer', 'snapshots', 'drilledComputers', 'receipts', 'maintenanceTimes'] as const),
    'ransomwareAlerts',
  ],
};
/** Events come in bursts: what they change is asked for at most so often. */
const refreshPauseMs = 1_000;
/** A list that somebody has scrolled through is asked for page by page: the longer it is, the less often. */
const refreshPauseOfPageMs = 1_000;
const firstPauseMs = 500;
const longestPauseMs = 10_000;

type Connection = 'connected' | 'reconnecting';
let connection: Connection = 'connected';
const listeners = new Set<() => void>();

function setConnection(next: Connection): void {
  if (connection === next) return;
  connection = next;
  for (const listener of listeners) listener();
}

/** Whether the server answers. While it does not, what is on the screen stays, and says that it is old. */
export function useConnection(): Connection {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => connection,
  );
}

/**
 * Follows the server's events while the page is to be seen, until the signal aborts, and keeps the cache true: at each event, and
 * as a whole whenever it could not listen for a while. A browser opens few connections to one server, so a hidden tab has none.
 * `onSignedOut` is told when the server no longer knows the session.
 */
export async function followServer(
  client: QueryClient,
  { signal, onSignedOut }: { readonly signal: AbortSignal; readonly onSignedOut: () => void },
): Promise<void> {
  let isListening = false;
  const stopWatching = watchReach((reached) => {
    if (!reached) setConnection('reconnecting');
    // One request was lost, and nothing that the server told meanwhile.
    else if (isListening) setConnection('connected');
  });
  const refresher = new Refresher(client);
  let pauseMs = firstPauseMs;
  let missed = false;
  try {
    while (!signal.aborted) {
      await visible(signal);
      const shown = untilHidden(signal);
      try {
        // Whether it is there is known before the first event comes, which may be long from now.
        await call('account', { signal: shown.signal });
        isListening = true;
        setConnection('connected');
        if (missed) void client.invalidateQueries();
        missed = false;
        pauseMs = firstPauseMs;
        for await (const event of events('events', { signal: shown.signal })) {
          updateFrom(client, event);
          refresher.add(affected[event.kind]);
        }
      } catch (error) {
        if (hasCode(error, 'auth.required')) {
          onSignedOut();
          return;
        }
        // Any other failure is one of the connection, or the page was hidden: it is tried again.
      } finally {
        isListening = false;
        shown.end();
      }
      missed = true;
      await pause(pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  } finally {
    stopWatching();
    refresher.end();
  }
}

/** What an event tells is put into the cache as it is. */
function updateFrom(client: QueryClient, event: ServerEvent): void {
  if (event.kind === 'run') client.setQueryData(routeKey('run', { params: { id: event.run.id } }), event.run);
  if (event.kind === 'session')
    client.setQueryData(routeKey('session', { params: { id: event.session.id } }), event.session);
}

class Refresher {
  readonly #client: QueryClient;
  readonly #due = new Set<RouteName>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: QueryClient) {
    this.#client = client;
  }

  add(names: readonly RouteName[]): void {
    for (const name of names) this.#due.add(name);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#refresh();
    }, refreshPauseMs);
  }

  #refresh(): void {
    const names = [...this.#due];
    this.#due.clear();
    for (const name of names) {
      const long = this.#client
        .getQueryCache()
        .findAll({ queryKey: ['pages', name], type: 'active', predicate: isTooSoon });
      if (long.length > 0) this.add([name]);
    }
    void invalidateRoutes(this.#client, names, (query) => !isTooSoon(query));
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

function isTooSoon({ state: { data, dataUpdatedAt } }: Query): boolean {
  const pages = (data as { readonly pages?: readonly unknown[] } | undefined)?.pages?.length ?? 1;
  return pages > 1 && Date.now() - dataUpdatedAt < pages * refreshPauseOfPageMs;
}

/** Resolves when the page can be seen, or the signal aborts. */
async function visible(signal: AbortSignal): Promise<void> {
  if (document.visibilityState === 'visible' || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      document.removeEventListener('visibilitychange', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    document.addEventListener('visibilitychange', done);
    signal.addEventListener('abort', done);
  });
}

/** A signal that aborts with the given one, and when the page is hidden. */
function untilHidden(signal: AbortSignal): { readonly signal: AbortSignal; readonly end: () => void } {
  const hidden = new AbortController();
  const look = (): void => {
    if (document.visibilityState === 'hidden') hidden.abort();
  };
  document.addEventListener('visibilitychange', look);
  return {
    signal: AbortSignal.any([signal, hidden.signal]),
    end: () => {
      hidden.abort();
      document.removeEventListener('visibilitychange', look);
    },
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
