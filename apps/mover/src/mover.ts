import { chmod, mkdir, stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join, resolve } from 'node:path';
import type { ChannelId } from '@holdfast/contract';
import { type Clock, HoldfastError, systemClock, toHoldfastError } from '@holdfast/core';
import { type ExecutorCommand, Executors, Sandboxes } from '@holdfast/executor/process';
import { FirewallLeases } from '@holdfast/firewall/leases';
import { IdentityKeeper, loadIdentity, type StoredIdentity } from '@holdfast/protocol';
import {
  ChannelHistory,
  type Connection,
  createHttpServer,
  createWire,
  type HttpServerOnConnections,
  identityOf,
  type Wire,
} from '@holdfast/wire';
import type { Logger } from 'pino';
import type { Carrier } from './caller.ts';
import type { MoverConfig } from './config.ts';
import { ConfigurationCopies } from './configuration-copies.ts';
import { DataChannels } from './data-channels.ts';
import { markMover } from './http-answer.ts';
import { Ledger } from './ledger.ts';
import { sessionSweepMs, shutdownGraceMs } from './limits.ts';
import { LocalAgents } from './local-agents.ts';
import { type ApiContext, answerApi, answerUpgrade, isApiPath } from './mover-api.ts';
import { portService } from './port-checks.ts';
import { reportUntilHeard } from './report.ts';
import { Repositories } from './repositories.ts';
import { answerRest, type RestContext } from './rest-backend.ts';
import { type Session, Sessions } from './session.ts';
import { taskService } from './tasks.ts';
import { TrafficLimits } from './traffic/traffic-limits.ts';
import { Trust } from './trust.ts';
import { Views } from './views.ts';

/** What comes in on 6162: a computer's mover answers for every role of that computer. */
const transportChannels = [
  'server-to-mover',
  'agent-to-mover-transport',
  'client-to-mover',
  'recovery-media-to-mover',
  'server-to-agent-transport',
  'mover-to-agent-transport',
] as const satisfies readonly ChannelId[];

export interface MoverOptions {
  /** Identity, trust and ledger; mode 0700. The computer must be enrolled (`enrolComputer` of the protocol package). */
  readonly dataDir: string;
  readonly config: MoverConfig;
  readonly logger: Logger;
  /** Starts a process that opens a repository for one task of the server; without it such tasks are refused. */
  readonly executor?: ExecutorCommand;
  readonly clock?: Clock;
  /** Whether an address is this computer's own; another answer for tests, which have no other computer. */
  readonly isLocal?: (address: string) => boolean;
}

export interface RunningMover extends AsyncDisposable {
  readonly id: string;
  /** The port that stands for 6162 here. */
  readonly port: number;
  /** Why that is not 6162, if it isn't. */
  readonly portReason: string | undefined;
  readonly localSocket: string;
  /** How this process has used its channels. */
  readonly wire: Pick<Wire, 'use'>;
}

/**
 * Starts the data mover of this computer. Resolves when it listens. `usage.configuration` when the computer is not enrolled
 * as a mover, `port.occupied` when 6162 is taken, `firewall.lease` when leases in the firewall are asked for and impossible.
 * Disposing finishes what is running, within ten seconds.
 */
export async function startMover(options: MoverOptions): Promise<RunningMover> {
  const clock = options.clock ?? systemClock;
  const { config, logger, dataDir } = options;
  const enrolled = await requireIdentity(dataDir);
  const stored = { ...enrolled, server: { ...enrolled.server, ...config.server } };
  const storageRoot = config.storageRoot ?? join(dataDir, 'repositories');
  await prepareRoot(storageRoot);

  await using cleanup = new AsyncDisposableStack();
  const ledger = cleanup.use(new Ledger(join(dataDir, 'ledger.sqlite')));
  const traffic = new TrafficLimits({ clock, isLocal: options.isLocal });
  const trust = await Trust.open({
    dataDir,
    installation: stored.installation,
    identityKeys: stored.identityKeys,
    traffic,
    clock,
  });
  const repositories = cleanup.use(new Repositories({ root: storageRoot, ledger, quotas: config.quotas, clock }));
  const keeper = cleanup.use(new IdentityKeeper({ dataDir, stored, clock }));
  const sessions = new Sessions({ clock, logger });
  const over = new AbortController();

  const history = cleanup.use(
    await ChannelHistory.open({
      process: 'mover',
      dataDir,
      clock,
      onFailure: (error) => logger.warn({ error }, 'counts of channel use'),
    }),
  );
  const leases = config.firewallLeases ? await FirewallLeases.open() : undefined;
  const wire = cleanup.use(
    createWire({
      role: 'data-mover',
      bind: config.bind,
      overrides: config.ports,
      identity: () => keeper.identity,
      isRevoked: (serial) => trust.isRevoked(serial),
      onRefused: (error, remoteAddress) => logger.warn({ error, remoteAddress }, 'connection refused'),
      stateDir: dataDir,
      firewall: leases,
      clock,
    }),
  );

  history.follow(wire);

  const channelSessions = new WeakMap<Connection, Session>();
  const localSocket = config.localSocket ?? join(dataDir, 'mover.sock');
  const drillFolder = config.drillFolder ?? join(dataDir, 'drills');
  const sandboxes = new Sandboxes(drillFolder);
  await sandboxes.clear().catch((error: unknown) => logger.warn({ error: toHoldfastError(error) }, 'drills are left'));
  // As this mover: grants of its executors are bound to its certificate, at each request to the present one.
  const serveExecutor = (connection: Connection): void =>
    http.feed({
      ...connection,
      get peer() {
        return identityOf(keeper.identity.certificatePem);
      },
    });
  const executors = new Executors({
    command: options.executor,
    place: 'mover',
    socket: localSocket,
    serveKept: serveExecutor,
    sandboxes,
    clock,
  });
  const tasks = taskService({
    executors,
    serve: serveExecutor,
    ports: () => ({ 'server-to-mover': listener.port }),
    logger,
    clock,
  });
  const agents = new LocalAgents({
    folders: [storageRoot, drillFolder].map((folder) => resolve(folder)),
    moverId: stored.id,
    onExecutor: (secret, connection) => executors.admit(secret, connection),
    onRefused: (error) => logger.warn({ error }, 'local connection refused'),
  });
  const onFailure = (error: HoldfastError, req: IncomingMessage): void => logFailure(logger, error, req);
  const channels = new DataChannels({
    wire,
    serve: (connection, session) => {
      channelSessions.set(connection, session);
      http.feed(connection);
    },
    onFailure: (error) => logger.info({ error }, 'data channel ended'),
  });
  const servePorts = portService({
    config,
    caPem: () => keeper.identity.caPem,
    leases,
    port: () => listener.port,
    clock,
  });
  const context: ApiContext & RestContext = {
    configurations: new ConfigurationCopies(storageRoot),
    storageRoot,
    views: new Views(),
    ...{ trust, traffic, sessions, repositories, channels, agents, wire, history, servePorts, onFailure },
    serveTasks: tasks.serve,
  };
  const carrierOf = (req: IncomingMessage): Carrier => {
    const connection = http.connectionOf(req);
    if (!connection) throw new HoldfastError('internal.unexpected', { message: 'A request came on no connection.' });
    return { connection, session: channelSessions.get(connection) };
  };
  const http: HttpServerOnConnections = createHttpServer({
    handler: (req, res) => {
      markMover(res);
      const answer = isApiPath(req.url ?? '') ? answerApi : answerRest;
      void answer(context, carrierOf(req), req, res);
    },
    onUpgrade: (req, stream, head) => void answerUpgrade(context, carrierOf(req), { req, stream, head }, over.signal),
  });
  cleanup.defer(async () => {
    // While what they work with is still served.
    await tasks.stop();
    await executors[Symbol.asyncDispose]();
    over.abort(new HoldfastError('run.cancelled', { message: 'The mover is shutting down.' }));
    // What is running may finish; then sessions end and with them their channels.
    await http.close({ graceMs: shutdownGraceMs });
    sessions.closeAll('the mover is shutting down');
  });

  const listener = await wire.listen(transportChannels, {
    port: config.busyPorts,
    onConnection: (connection) => http.feed(connection),
  });
  cleanup.defer(() => listener.close());
  await wire.listenLocal('role-to-local-mover', localSocket, {
    mode: 0o660,
    onConnection: (connection) => agents.accept(connection),
  });
  keeper.start({
    wire,
    channel: 'mover-to-server',
    onRenewed: () => logger.info('certificate renewed'),
    onFailure: (error) => logger.error({ error }, 'certificate not renewed'),
  });
  void sweepSessions(sessions, clock, over.signal);
  const reporting = reportUntilHeard({
    wire,
    server: stored.server,
    port: listener.port,
    clock,
    logger,
    signal: over.signal,
  });
  cleanup.defer(async () => {
    over.abort();
    await reporting;
  });
  logger.info({ id: stored.id, port: listener.port, localSocket, storageRoot }, 'mover listening');

  const running = cleanup.move();
  return {
    id: stored.id,
    port: listener.port,
    portReason: listener.reason,
    localSocket,
    wire,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function requireIdentity(dataDir: string): Promise<StoredIdentity> {
  const stored = await loadIdentity(dataDir);
  if (stored?.role === 'mover') return stored;
  throw new HoldfastError('usage.configuration', {
    message: `${dataDir} does not hold the identity of a mover.`,
    guidance: 'Enrol this computer first: `holdfast enroll --role mover`.',
  });
}

/** Nobody but the mover's user looks into the storage: who could would pass by every rule. */
async function prepareRoot(root: string): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  if (process.platform !== 'win32' && ((await stat(root)).mode & 0o077) !== 0) await chmod(root, 0o700);
}

async function sweepSessions(sessions: Sessions, clock: Clock, signal: AbortSignal): Promise<void> {
  try {
    for (;;) {
      await clock.sleep(sessionSweepMs, signal);
      sessions.sweep();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** What callers do wrong is their business; what goes wrong here has to be seen. */
function logFailure(logger: Logger, error: HoldfastError, req: IncomingMessage): void {
  const line = { error, method: req.method, path: req.url?.split('?', 1)[0] };
  if (error.entry.http < 500) logger.info(line, 'request refused');
  else if (error.code === 'internal.unexpected') logger.error({ ...line, cause: error.cause }, 'request failed');
  else logger.warn(line, 'request failed');
}
