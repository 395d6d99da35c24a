import { ApiProblem, problemOf } from './problem.ts';

/** No answer takes longer; event streams are told to go on for as long as they like. */
const answerLimitMs = 60_000;

export interface ApiRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** An answer that comes in parts and has no end that could be waited for. */
  readonly stream?: boolean;
}

/** A request so soon after a key or the pointer was used is a person's; others don't keep a session from ending of disuse. */
const personMs = 10_000;
let lastInputMs = performance.now();
for (const kind of ['keydown', 'pointerdown'])
  addEventListener(kind, () => (lastInputMs = performance.now()), { capture: true, passive: true });

/** Told of each request whether the server was there to answer it. */
export type ReachWatcher = (reached: boolean) => void;
const watchers = new Set<ReachWatcher>();

export function watchReach(watcher: ReachWatcher): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/**
 * The one place where the console talks to the server, which is where it came from: the browser sends the session's cookie by
 * itself, and no program of the page can read it. Throws `ApiProblem`; its code is `unreachable` where no answer came, and the
 * signal's reason where that aborted.
 */
export async function send(request: ApiRequest): Promise<Response> {
  const { body, signal } = request;
  const limit = request.stream ? [] : [AbortSignal.timeout(answerLimitMs)];
  let response: Response;
  try {
    response = await fetch(request.path, {
      method: request.method,
      credentials: 'same-origin',
      redirect: 'error',
      headers: {
        accept: request.stream ? 'text/event-stream' : 'application/json',
        // Other sites cannot send this header: it is half of the defence against requests that they make the browser send.
        'x-holdfast-request': performance.now() - lastInputMs < personMs ? 'person' : 'background',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...request.headers,
      },
      signal: AbortSignal.any([...(signal ? [signal] : []), ...limit]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (cause) {
    signal?.throwIfAborted();
    tell(false);
    throw new ApiProblem({ code: 'unreachable', message: '', retry: 'transient', cause });
  }
  const problem = response.ok ? undefined : problemOf(response.status, await jsonOf(response));
  tell(problem?.code !== 'unreachable');
  if (problem) throw problem;
  return response;
}

async function jsonOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    // Whoever answered was not the server: the status is all that there is to say.
    return undefined;
  }
}

function tell(reached: boolean): void {
  for (const watcher of watchers) watcher(reached);
}
