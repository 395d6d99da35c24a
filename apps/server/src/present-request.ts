import { AsyncLocalStorage } from 'node:async_hooks';

const present = new AsyncLocalStorage<string>();

/**
 * Does what a request asks for. What it begins is begun for it, however many functions lie between: runs and questions to executors
 * carry its id to every process that works on them.
 */
export function forRequest<Result>(requestId: string, work: () => Promise<Result>): Promise<Result> {
  return present.run(requestId, work);
}

/** The id of the request that is being answered, as `X-Request-Id` tells it; undefined in what the server does by itself. */
export function presentRequest(): string | undefined {
  return present.getStore();
}
