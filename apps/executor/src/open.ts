import { dialRepository, type RepositoryAccess } from '@holdfast/protocol';
import { openRepository, type Repository } from '@holdfast/repository';
import { openRest } from '@holdfast/storage';
import { createWire, httpClient } from '@holdfast/wire';
import { maxParallelRequests } from './limits.ts';

export interface OpenedRepository extends AsyncDisposable {
  readonly repository: Repository;
}

/** Opens the repository through the mover's local socket, under the grants of its tasks and so under the mover's rules. */
export async function openThroughMover(o: {
  readonly access: RepositoryAccess;
  readonly socket: string;
  readonly secret: string;
  /** The grant in force of the task that asks. */
  readonly grant: () => string;
  readonly signal: AbortSignal;
}): Promise<OpenedRepository> {
  const { access, signal } = o;
  await using stack = new AsyncDisposableStack();
  const wire = stack.use(createWire({ role: 'repository', bind: '127.0.0.1' }));
  const target = stack.use(
    await openRest({
      client: httpClient({
        connections: maxParallelRequests,
        connect: async (dialling) => {
          const connection = await wire.dialLocal('role-to-local-mover', o.socket, { signal: dialling });
          await dialRepository(connection.stream, o.secret, dialling);
          return connection;
        },
      }),
      basePath: `/${access.tenant}/${access.repository}/`,
      location: `repository ${access.tenant}/${access.repository}`,
      credentials: { authorize: async () => ({ authorization: `Bearer ${o.grant()}` }), refused: () => false },
      maxParallelRequests,
      signal,
    }),
  );
  const repository = await openRepository(target, { password: access.password, signal });
  const kept = stack.move();
  return { repository, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
