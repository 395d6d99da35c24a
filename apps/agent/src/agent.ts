import { addAbortListener } from 'node:events';
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';
import type { ChannelId } from '@holdfast/contract';
import { type Clock, HoldfastError, productVersion, systemClock } from '@holdfast/core';
import {
  CallPeer,
  controlPath,
  type Handlers,
  type Hello,
  IdentityKeeper,
  limits,
  loadIdentity,
  registerWithLocalMover,
  type TaskMethods,
  taskMethods,
  taskProtocol,
} from '@holdfast/protocol';
import { createWire, httpClient, type Listener, type Wire } from '@holdfast/wire';
import type { Logger } from 'pino';
import type { AgentConfig } from './config.ts';
import { stayConnected } from './control-connection.ts';
import { TaskRegistry } from './task-registry.ts';
import { runTask } from './tasks.ts';

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly dataDir: string;
  readonly clock?: Clock;
  readonly logger: Logger;
  /** Another platform's channels, for tests: on win32 the agent's service listens on 6184 to 6194. */
  readonly platform?: NodeJS.Platform;
}

export interface RunningAgent extends AsyncDisposable {
  readonly id: string;
  readonly wire: Wire;
  /** The port of the agent's service; Windows only. */
  readonly servicePort: number | undefined;
}

/**
 * Starts the agent of this computer, which must be enrolled. It keeps a connection to its server open, registers with the
 * computer's mover, and runs the tasks that the server gives it over either; on Windows the server dials its service.
 * Throws `usage.configuration` when the computer is not enrolled.
 */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const { config, dataDir } = options;
  const clock = options.clock ?? systemClock;
  const platform = options.platform ?? process.platform;
  const log = options.logger;
  const enrolled = await loadIdentity(dataDir);
  if (enrolled?.role !== 'agent') {
    throw new HoldfastError('usage.configuration', {
      message: `${dataDir} holds no identity of an agent: this computer is not enrolled.`,
      guidance: 'Enrol it first: `holdfast enroll --role agent`.',
    });
  }

  const stored = { ...enrolled, server: { ...enrolled.server, ...config.server } };
  await using startup = new AsyncDisposableStack();
  const keeper = startup.use(new IdentityKeeper({ dataDir, stored, clock }));
  const wire = startup.use(
    createWire({
      role:
        platform === 'win32'
          ? 'agent-windows'
          : platform === 'darwin'
            ? 'agent-macos'
            : platform === 'linux'
              ? 'agent-linux'
              : 'agent-unix',
      bind: config.bind,
      overrides: config.ports,
      identity: () => keeper.identity,
      stateDir: dataDir,
      platform,
      clock,
      onRefused: (error, remoteAddress) => log.warn({ code: error.code, remoteAddress }, error.message),
    }),
  );
  const registry = new TaskRegistry((task, context) => runTask(wire, task, context));
  startup.defer(() => registry.stop());
  const control: ChannelId = platform === 'win32' ? 'windows-agent-control' : 'posix-agent-control';
  const { server } = stored;

  const over = new AbortController();
  let service: Listener | undefined;
  const serve = async (stream: Duplex): Promise<unknown> => {
    await using peer = new CallPeer({ stream, methods: taskMethods, handlers, clock });
    using _ = addAbortListener(over.signal, () => stream.destroy());
    return await peer.closed;
  };
  const hello = (): Hello => ({
    protocolVersion: limits.protocolVersion,
    productVersion,
    hostname: hostname(),
    platform: platform as Hello['platform'],
    ports: service ? { 'windows-agent-service': service.port } : {},
  });
  const handlers: Handlers<TaskMethods> = {
    hello: async (theirs) => {
      if (theirs.protocolVersion !== limits.protocolVersion) {
        throw new HoldfastError('version.unsupported', {
          message: `The server speaks protocol version ${theirs.protocolVersion}, this agent ${limits.protocolVersion}.`,
        });
      }
      return hello();
    },
    'task.run': ({ taskId, task }, { emit, signal }) => {
      log.info({ taskId, kind: task.kind, repository: task.access.repository }, 'task');
      // Events of one connection are written in order; a slow connection slows nothing but itself.
      let last: Promise<void> = Promise.resolve();
      return registry.run(taskId, task, {
        signal,
        watch: (event) => {
          last = last
            .then(() => emit(event))
            .catch((error: unknown) => log.debug({ taskId, error }, 'an event was not delivered'));
        },
      });
    },
    'task.renew': async ({ taskId, grant }) => {
      registry.renew(taskId, grant);
      return {};
    },
    'task.cancel': async ({ taskId }) => {
      registry.cancel(taskId);
      return {};
    },
    'channels.use': async () => ({ channels: wire.use() }),
  };

  if (platform === 'win32') {
    service = await wire.listen('windows-agent-service', { onConnection: ({ stream }) => void serve(stream) });
  }

  const running = [
    stayConnected({
      clock,
      signal: over.signal,
      onFailure: (error) => log.warn({ code: error.code }, error.message),
      connect: async (signal) => {
        const http = httpClient({
          connect: (connecting) =>
            wire.dial(control, server.host, {
              ...(server.port === undefined ? {} : { port: server.port }),
              peerId: server.id,
              signal: connecting,
            }),
        });
        const stream = await http.upgrade(controlPath, taskProtocol, { signal });
        log.info({ channel: control, server: server.host }, 'connected to the server');
        return { ended: serve(stream) };
      },
    }),
  ];
  if (config.moverSocket !== undefined) {
    const socketPath = config.moverSocket;
    running.push(
      stayConnected({
        clock,
        signal: over.signal,
        onFailure: (error) => log.warn({ code: error.code }, error.message),
        connect: async (signal) => {
          const registration = await registerWithLocalMover({
            agentId: stored.id,
            dial: async (dialSignal) =>
              (await wire.dialLocal('role-to-local-mover', socketPath, dialSignal ? { signal: dialSignal } : {}))
                .stream,
            onRelay: (stream) => {
              wire
                .secure(stream, {
                  channel: 'server-to-agent-transport',
                  side: 'server',
                  expect: { role: 'server', id: server.id },
                })
                .then((connection) => serve(connection.stream))
                .catch((error: unknown) => log.warn({ error }, 'a relayed connection was refused'));
            },
            onRelayFailure: (error) => log.warn({ code: error.code }, error.message),
            signal,
          });
          log.info({ mover: registration.moverId }, "registered with this computer's mover");
          const leave = addAbortListener(signal, () => void registration[Symbol.asyncDispose]());
          return { ended: registration.closed.finally(() => leave[Symbol.dispose]()) };
        },
      }),
    );
  }
  startup.defer(async () => {
    over.abort();
    await Promise.all(running);
  });
  keeper.start({
    wire,
    channel: control,
    onFailure: (error) => log.error({ code: error.code }, error.message),
    onRenewed: () => log.info('the certificate was renewed'),
  });

  const resources = startup.move();
  return {
    id: stored.id,
    wire,
    servicePort: service?.port,
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await registry.stop();
      await resources.disposeAsync();
    },
  };
}
