import { agentRole } from '@holdfast/contract';
import { HoldfastError } from '@holdfast/core';
import {
  dialRepository,
  type ExecutorPlace,
  type RepositoryAccess,
  viewPath,
  viewProtocol,
} from '@holdfast/protocol/executor';
import { openRepository, type Repository } from '@holdfast/repository';
import { openRest } from '@holdfast/storage';
import { type Connection, createWire, httpClient, singleConnection } from '@holdfast/wire';
import { maxParallelOfAgent, maxParallelRequests } from './limits.ts';

export interface OpenedRepository extends AsyncDisposable {
  readonly repository: Repository;
  /** Turns a connection into a stream on which the mover asks for what that reader of a view wants. */
  readonly connectReader: (readerSessionId: string, signal: AbortSignal) => Promise<Connection>;
}

/** How the process is connected with what started it. An agent has a few data channels to the mover, in which requests wait for each other. */
const ways = {
  mover: { role: 'repository', channel: 'role-to-local-mover', connections: maxParallelRequests },
  agent: { role: agentRole(process.platform), channel: 'executor-to-local-agent', connections: maxParallelOfAgent },
} as const satisfies Record<ExecutorPlace, unknown>;

/** Opens the repository through a local socket, under the grants of its tasks and so under the mover's rules. */
export async function openLocally(o: {
  readonly access: RepositoryAccess;
  readonly place: ExecutorPlace;
  readonly socket: string;
  readonly secret: string;
  /** The grant in force of the task that asks. */
  readonly grant: () => string;
  readonly signal: AbortSignal;
}): Promise<OpenedRepository> {
  const { access, signal } = o;
  const { role, channel, connections } = ways[o.place];
  await using stack = new AsyncDisposableStack();
  const wire = stack.use(createWire({ role, bind: '127.0.0.1' }));
  const connect = async (dialling: AbortSignal): Promise<Connection> => {
    const connection = await wire.dialLocal(channel, o.socket, { signal: dialling });
    await dialRepository(connection.stream, o.secret, dialling);
    return connection;
  };
  const authorization = (): { authorization: string } => ({ authorization: `Bearer ${o.grant()}` });
  const target = stack.use(
    await openRest({
      client: httpClient({ connections, connect }),
      basePath: `/${access.tenant}/${access.repository}/`,
      location: `repository ${access.tenant}/${access.repository}`,
      credentials: { authorize: async () => authorization(), refused: () => false },
      maxParallelRequests: connections,
      signal,
    }),
  );
  const repository = await openRepository(target, { password: requirePassword(access), signal });
  const kept = stack.move();
  return {
    repository,
    connectReader: async (readerSessionId, joining) => {
      const connection = await connect(joining);
      const http = httpClient({ connect: singleConnection(connection) });
      const headers = authorization();
      const stream = await http.upgrade(viewPath(readerSessionId), viewProtocol, { headers, signal: joining });
      return { ...connection, stream };
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function requirePassword({ password, repository }: RepositoryAccess): string {
  if (password !== undefined) return password;
  throw new HoldfastError('zero-knowledge.no-key', {
    message: `Repository ${repository} is of the zero-knowledge mode: its key is not here.`,
  });
}
