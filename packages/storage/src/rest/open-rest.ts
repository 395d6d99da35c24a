import { type Clock, HoldfastError, systemClock } from '@holdfast/core';
import type { HttpClient } from '@holdfast/wire';
import type { CredentialSource } from '../credentials.ts';
import { restParallelRequests } from '../limits.ts';
import { restHeaders, restQueries } from '../rest-protocol.ts';
import { drain, header } from './answer.ts';
import { Exchange } from './exchange.ts';
import { RestTarget } from './rest-target.ts';

export interface OpenRestOptions {
  /** Along which connections. It belongs to the target from now on: it is disposed with it, or when opening fails. */
  readonly client: HttpClient;
  /** Path of the repository on the server, such as `/tenant/repository/`. */
  readonly basePath: string;
  /** Where that is, for people, without secrets: `rest:https://host:6162/…`. */
  readonly location: string;
  readonly credentials?: CredentialSource | undefined;
  /** Make the repository's folders if they are missing. */
  readonly create?: boolean | undefined;
  /** Requests at once: the client's number of connections. 5 if left out. */
  readonly maxParallelRequests?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Opens a repository behind a data mover or any other server of restic's REST protocol, and finds out which it is. */
export async function openRest(options: OpenRestOptions): Promise<RestTarget> {
  const { client, credentials, location, signal, clock = systemClock } = options;
  const basePath = `/${options.basePath}/`.replace(/\/{2,}/g, '/');
  const exchange = new Exchange({
    client,
    credentials,
    clock,
    maxParallelRequests: options.maxParallelRequests ?? restParallelRequests,
  });
  try {
    if (!/^[\w./~%-]+$/.test(basePath) || basePath.split('/').some((part) => part === '.' || part === '..'))
      throw new HoldfastError('usage.configuration', {
        message: `${JSON.stringify(options.basePath)} is not the path of a repository on a server`,
      });
    if (options.create)
      await exchange.ask({
        method: 'POST',
        path: `${basePath}?${restQueries.create}=true`,
        body: '',
        what: `make a repository at ${location}`,
        signal,
        take: drain,
      });
    const server = await exchange.ask({
      method: 'HEAD',
      path: `${basePath}config`,
      what: `open ${location}`,
      signal,
      alsoGood: [404],
      take: async (answer) => {
        await drain(answer);
        const mover = header(answer, restHeaders.mover) === '1';
        return { mover, consistentLists: mover && header(answer, restHeaders.lists) === 'consistent' };
      },
    });
    return new RestTarget({ exchange, basePath, location, ...server });
  } catch (error) {
    await exchange.close();
    throw error;
  }
}
