import { addAbortListener } from 'node:events';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { agentRole, type ChannelId } from '@holdfast/contract';
import { type Clock, HoldfastError, systemClock, toHoldfastError } from '@holdfast/core';
import type { ExecutorCommand } from '@holdfast/executor/process';
import { FirewallLeases } from '@holdfast/firewall/leases';
import {
  CallPeer,
  controlPath,
  IdentityKeeper,
  type LogLine,
  loadIdentity,
  type PanelState,
  registerWithLocalMover,
  reportOf,
  type StoredIdentity,
  type TaskIds,
  type TaskMethods,
  TaskRegistry,
  taskMethods,
  taskProtocol,
} from '@holdfast/protocol';
import { ChannelHistory, createWire, httpClient, type Listener, type Wire } from '@holdfast/wire';
import type { Logger } from 'pino';
import type { AgentConfig } from './config.ts';
import { ExecutorService } from './executor/executor-service.ts';
import { maxPanelTasksAtOnce, maxRunningTasks } from './limits.ts';
import { openPanel, type Panel } from './panel/panel.ts';
import { panelHandlers } from './panel/panel-handlers.ts';
import { RecentTasks } from './panel/recent-tasks.ts';
import { Policies } from './policies/policies.ts';
import { PolicyStore } from './policies/policy-store.ts';
import { agentPortHandlers } from './port-checks.ts';
import { stayConnected } from './stay-connected.ts';
import { agentHandlers } from './task-handlers.ts';
import { runOwnTask, runTask, type TaskEnvironment } from './tasks.ts';
import { loadOwnKey } from './zero-knowledge/own-key.ts';

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly dataDir: string;
  readonly logger: Logger;
  /** Starts a process that does one task in a repository that this computer is the executor of; without it they are refused. */
  readonly executor?: ExecutorCommand;
  readonly clock?: Clock;
  /** Another platform's channels, for tests: on win32 the agent's service listens on 6184 to 6194. */
  readonly platform?: NodeJS.Platform;
}

export interface RunningAgent extends AsyncDisposable {
  readonly id: string;
  /** The port of the agent's service; Windows only. */
  readonly servicePort: number | undefined;
  /** The control panel, where there is one. */
  readonly panel: Pick<Panel, 'port' | 'reason'> | undefined;
}

/**
 * Starts the agent of this computer, which must be enrolled. It keeps a connection to its server open, registers with the
 * computer's mover, and runs the tasks that the server gives it over either; on Windows the server dials its service.
 * Throws `usage.configuration` when the computer is not enrolled, `port.occupied` when the service finds no port,
 * `firewall.lease` when leases in the firewall are asked for and impossible.
 */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const { config, dataDir, logger: log, clock = systemClock, platform = process.platform } = options;
  const stored = await enrolledIdentity(dataDir, config);

  await using resources = new AsyncDisposableStack();
  const keeper = resources.use(new IdentityKeeper({ dataDir, stored, clock }));
  const history = resources.use(
    await ChannelHistory.open({
      process: 'agent',
      dataDir,
      clock,
      onFailure: (error) => log.warn({ error }, 'counts of channel use'),
    }),
  );
  const leases = config.firewallLeases ? await FirewallLeases.open() : undefined;
  const wire = resources.use(
    createWire({
      role: agentRole(platform),
      bind: config.bind,
      overrides: config.ports,
      identity: () => keeper.identity,
      stateDir: dataDir,
      firewall: leases,
      platform,
      clock,
      onRefused: (error, remoteAddress) => log.warn({ error, remoteAddress }, 'connection refused'),
    }),
  );
  history.follow(wire);
  let moverFolders: readonly string[] = [];
  const drillFolder = config.drillFolder ?? join(dataDir, 'drills');
  const executor = new ExecutorService({ wire, dataDir, command: options.executor, drillFolder, clock, log });
  await executor.clear().catch((error: unknown) => log.warn({ error: toHoldfastError(error) }, 'drills are left'));
  const environment: TaskEnvironment = {
    ...{ wire, executor, log, dataDir, scriptFolder: config.scripts?.folder, zeroKnowledge: config.zeroKnowledge },
    moverFolders: () => [...moverFolders, drillFolder],
    ownKey: () => loadOwnKey(dataDir),
  };
  const recent = await RecentTasks.open({ dataDir, clock, log });
  const inLog = (ids: TaskIds, { level, process, message }: LogLine): void =>
    log[level === 'warning' ? 'warn' : level]({ ...ids, process }, message);
  const registry = new TaskRegistry(
    (task, context, { run: id }) => {
      const policy = policies.policyOf(task);
      const by = policy ? ({ who: 'policy', name: policy.name } as const) : ({ who: 'server' } as const);
      return runTask(environment, task, {
        context,
        noting: (given, work) => recent.during({ id, by, task, context: given }, work),
      });
    },
    { maxRunning: maxRunningTasks, process: 'agent', clock, onLine: inLog },
  );
  const store = await PolicyStore.open({ dataDir, agentId: stored.id, log });
  const policies: Policies = new Policies({ store, registry, clock, log });
  const over = new AbortController();
  let service: Listener | undefined;
  const handlers = agentHandlers({
    registry,
    wire,
    report: () => history.report(),
    platform,
    ports: () => (service ? { 'windows-agent-service': service.port } : {}),
    portChecks: agentPortHandlers({
      config,
      caPem: () => keeper.identity.caPem,
      leases,
      servicePort: () => service?.port,
    }),
    onPolicies: () => policies.contact(),
    log,
  });
  const serve: Links['serve'] = async (stream, onPeer) => {
    await using peer = new CallPeer({ stream, methods: taskMethods, handlers, clock });
    using _ = addAbortListener(over.signal, () => stream.destroy());
    onPeer?.(peer);
    return await peer.closed;
  };
  if (platform === 'win32') {
    service = await wire.listen('windows-agent-service', { onConnection: ({ stream }) => void serve(stream) });
  }

  const own = new TaskRegistry(
    (task, context, { run: id }) =>
      recent.during({ id, by: { who: 'panel' }, task, context }, (watched) => runOwnTask(environment, task, watched)),
    { maxRunning: maxPanelTasksAtOnce, process: 'agent', clock, onLine: inLog },
  );
  let contact: ServerContact = {};
  const panel = config.controlPanel
    ? await openPanel({
        ...{ wire, dataDir, clock, log },
        handlers: panelHandlers({
          ...{ agentId: stored.id, platform: platform as PanelState['computer']['platform'] },
          server: () => ({ host: stored.server.host, ...contact }),
          hasOwnKey: async () => (await environment.ownKey()) !== undefined,
          ...{ policies, recent, tasks: own, clock },
        }),
      }).catch((error: unknown) => {
        log.warn({ error: toHoldfastError(error) }, 'there is no control panel');
        return undefined;
      })
    : undefined;
  resources.use(panel);

  const control = platform === 'win32' ? 'windows-agent-control' : 'posix-agent-control';
  const links = { wire, stored, serve, log, clock, signal: over.signal };
  let held: Duplex | undefined;
  const running = [
    holdControlConnection(links, control, {
      onContact: (now) => {
        contact = now;
      },
      onStream: (stream) => {
        held = stream;
        return (peer) => policies.connected(peer);
      },
    }),
    policies.work(over.signal),
  ];
  if (config.moverSocket !== undefined) {
    const onFolders = (folders: readonly string[]): void => {
      moverFolders = folders;
    };
    running.push(stayRegistered(links, { socketPath: config.moverSocket, onFolders }));
  }
  keeper.start({
    wire,
    channel: control,
    onFailure: (error) => log.error({ error }, 'the certificate was not renewed'),
    // Grants under way are bound to the certificate that is in use.
    busy: () => registry.running + own.running > 0,
    onRenewed: () => {
      log.info('the certificate was renewed');
      // The server binds grants to the certificate of the connection: the next one shows the new certificate.
      held?.destroy();
    },
  });

  // Tasks end first, while their connections are there; then the connections; then what they stand on.
  resources.defer(async () => {
    over.abort();
    await Promise.all(running);
  });
  resources.defer(async () => {
    await Promise.all([registry.stop(), own.stop()]);
    await recent.settled();
  });
  resources.defer(() => policies.leave());
  const live = resources.move();
  return { id: stored.id, servicePort: service?.port, panel, [Symbol.asyncDispose]: () => live.disposeAsync() };
}

/** How it is with the server: since when it is there, or why not. */
type ServerContact = Omit<PanelState['server'], 'host'>;

interface Links {
  readonly wire: Wire;
  readonly stored: StoredIdentity;
  /** Answers the server's calls on a stream until it ends. */
  readonly serve: (stream: Duplex, onPeer?: (peer: CallPeer<TaskMethods>) => void) => Promise<unknown>;
  readonly log: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The connection that every agent holds open: the sign that it is there, and the server's way in where there is no other. */
function holdControlConnection(
  { wire, stored, serve, log, clock, signal }: Links,
  channel: ChannelId,
  o: {
    readonly onContact: (contact: ServerContact) => void;
    readonly onStream: (stream: Duplex) => (peer: CallPeer<TaskMethods>) => void;
  },
): Promise<void> {
  const { server } = stored;
  return stayConnected({
    clock,
    signal,
    onFailure: (error) => {
      o.onContact({ problem: reportOf(error) });
      log.warn({ error }, 'no connection to the server');
    },
    connect: async () => {
      const http = httpClient({
        connect: (connecting) =>
          wire.dial(channel, server.host, {
            ...(server.port === undefined ? {} : { port: server.port }),
            peerId: server.id,
            signal: connecting,
          }),
      });
      const stream = await http.upgrade(controlPath, taskProtocol, { signal });
      log.info({ channel, server: server.host }, 'connected to the server');
      o.onContact({ connectedSince: clock.now().toISOString() });
      return { ended: serve(stream, o.onStream(stream)).finally(() => o.onContact({})) };
    },
  });
}

/** The registration with this computer's mover, which relays the server's calls on 6162. TLS in them ends here. */
function stayRegistered(
  { wire, stored, serve, log, clock, signal }: Links,
  o: { readonly socketPath: string; readonly onFolders: (folders: readonly string[]) => void },
): Promise<void> {
  const { socketPath, onFolders } = o;
  const answer = async (relayed: Duplex): Promise<void> => {
    try {
      const { stream } = await wire.secure(relayed, {
        channel: 'server-to-agent-transport',
        side: 'server',
        expect: { role: 'server', id: stored.server.id },
        signal,
      });
      await serve(stream);
    } catch (error) {
      log.warn({ error }, 'a relayed connection was refused');
    }
  };
  return stayConnected({
    clock,
    signal,
    onFailure: (error) => log.warn({ error }, "not registered with this computer's mover"),
    connect: async () => {
      const registration = await registerWithLocalMover({
        agentId: stored.id,
        dial: async (dialling) => {
          const { stream } = await wire.dialLocal(
            'role-to-local-mover',
            socketPath,
            dialling ? { signal: dialling } : {},
          );
          return stream;
        },
        onRelay: (relayed) => void answer(relayed),
        onRelayFailure: (error) => log.warn({ error }, 'a relay did not come about'),
        signal,
      });
      onFolders(registration.folders);
      log.info({ mover: registration.moverId }, "registered with this computer's mover");
      const leave = addAbortListener(signal, () => void registration[Symbol.asyncDispose]());
      return { ended: registration.closed.finally(() => leave[Symbol.dispose]()) };
    },
  });
}

/** Who this agent is, and where its server is now. */
async function enrolledIdentity(dataDir: string, config: AgentConfig): Promise<StoredIdentity> {
  const enrolled = await loadIdentity(dataDir);
  if (enrolled?.role === 'agent') return { ...enrolled, server: { ...enrolled.server, ...config.server } };
  throw new HoldfastError('usage.configuration', {
    message: `${dataDir} holds no identity of an agent: this computer is not enrolled.`,
    guidance: 'Enrol it first: `holdfast enroll --role agent`.',
  });
}
