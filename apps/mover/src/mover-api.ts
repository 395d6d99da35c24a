import { addAbortListener } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { errnoOf, HoldfastError, toHoldfastError } from '@holdfast/core';
import {
  configurationEnd,
  configurationPiece,
  dialRequest,
  type keptTrust,
  leaseRequest,
  moverApiPrefix,
  moverPortsPath,
  moverTasksPath,
  openSession,
  parseMessage,
  placeRepository,
  taskProtocol,
  trustUpdate,
  viewProtocol,
} from '@holdfast/protocol';
import { type ChannelHistory, type Connection, pipe, type Wire } from '@holdfast/wire';
import type { z } from 'zod';
import { type Carrier, identifyCaller } from './caller.ts';
import type { ConfigurationCopies } from './configuration-copies.ts';
import type { DataChannels } from './data-channels.ts';
import { findRepositories } from './found-repositories.ts';
import { readJson, sendError, sendJson } from './http-answer.ts';
import { maxApiBytes, maxConfigurationPieceBytes, maxTrustBytes } from './limits.ts';
import type { LocalAgents } from './local-agents.ts';
import { measureRepository } from './measured-repository.ts';
import type { ServePorts } from './port-checks.ts';
import type { Repositories } from './repositories.ts';
import type { Sessions } from './session.ts';
import type { Trust } from './trust.ts';
import type { Views } from './views.ts';

export interface ApiContext {
  readonly trust: Trust;
  readonly sessions: Sessions;
  readonly repositories: Repositories;
  readonly configurations: ConfigurationCopies;
  readonly views: Views;
  readonly storageRoot: string;
  readonly channels: DataChannels;
  readonly agents: LocalAgents;
  readonly wire: Wire;
  readonly history: ChannelHistory;
  readonly servePorts: ServePorts;
  /** Answers the server's tasks on a stream, until it ends. */
  readonly serveTasks: ServePorts;
  readonly onFailure: (error: HoldfastError, req: IncomingMessage) => void;
}

interface Call {
  readonly req: IncomingMessage;
  readonly carrier: Carrier;
  /** What the pattern's group matched, else ''. */
  readonly id: string;
  /** `?logAfter=`: of a session's log, the lines after that time. */
  readonly logAfter: string;
}

interface Endpoint {
  readonly method: string;
  readonly path: RegExp;
  /** `server`: only the backup server. `computer`: the session's computer, with its grant. */
  readonly caller: 'server' | 'computer';
  readonly run: (context: ApiContext, call: Call) => Promise<unknown>;
}

const uuid = '([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})';

const endpoints: readonly Endpoint[] = [
  {
    method: 'PUT',
    path: /^\/trust$/,
    caller: 'server',
    run: async ({ trust, wire }, { req }) => {
      const next = await readJson(req, trustUpdate, maxTrustBytes);
      const revision = await trust.update(next, req.headers['if-match']);
      wire.recheckTrust();
      return { revision } satisfies z.input<typeof keptTrust>;
    },
  },
  {
    method: 'POST',
    path: /^\/repositories$/,
    caller: 'server',
    run: async ({ repositories }, { req }) => {
      const key = await readJson(req, placeRepository, maxApiBytes);
      return { ...key, ...(await repositories.place(key)) };
    },
  },
  {
    method: 'GET',
    path: /^\/repositories$/,
    caller: 'server',
    run: async ({ storageRoot }, { req }) => {
      const { searchParams } = new URL(req.url ?? '', 'https://mover');
      const { tenant, repository } = parseMessage(
        placeRepository.partial({ repository: true }),
        Object.fromEntries(searchParams),
        'The query',
      );
      return findRepositories(storageRoot, { tenant, after: repository ?? '' });
    },
  },
  {
    method: 'GET',
    path: /^\/repositories\/usage$/,
    caller: 'server',
    run: async ({ storageRoot }, { req }) => {
      const { searchParams } = new URL(req.url ?? '', 'https://mover');
      const key = parseMessage(placeRepository, Object.fromEntries(searchParams), 'The query');
      return measureRepository(storageRoot, key);
    },
  },
  {
    method: 'PUT',
    path: /^\/configuration$/,
    caller: 'server',
    run: async ({ configurations }, { req }) => {
      await configurations.write(await readJson(req, configurationPiece, maxConfigurationPieceBytes));
      return {};
    },
  },
  {
    method: 'POST',
    path: /^\/configuration$/,
    caller: 'server',
    run: async ({ configurations }, { req }) => configurations.keep(await readJson(req, configurationEnd, maxApiBytes)),
  },
  {
    method: 'POST',
    path: /^\/sessions$/,
    caller: 'server',
    run: async ({ sessions, repositories }, { req, logAfter }) => {
      const request = await readJson(req, openSession, maxApiBytes);
      // A session to a repository that was never placed would fail at the agent, far from who can repair it.
      await using _open = await repositories.open(request);
      return sessions.open(request).status(logAfter);
    },
  },
  {
    method: 'GET',
    path: new RegExp(`^/sessions/${uuid}$`),
    caller: 'server',
    run: async ({ sessions }, { id, logAfter }) => sessions.require(id).status(logAfter),
  },
  {
    method: 'DELETE',
    path: new RegExp(`^/sessions/${uuid}$`),
    caller: 'server',
    run: async ({ sessions }, { id, logAfter }) => sessions.close(id, 'the server closed it').status(logAfter),
  },
  {
    method: 'POST',
    path: new RegExp(`^/sessions/${uuid}/dial$`),
    caller: 'server',
    run: async ({ sessions, channels }, { req, id }) => {
      await channels.dial(sessions.require(id), await readJson(req, dialRequest, maxApiBytes));
      return {};
    },
  },
  {
    method: 'POST',
    path: new RegExp(`^/sessions/${uuid}/leases$`),
    caller: 'computer',
    run: async (context, { req, carrier, id }) => {
      const { session } = await identifyCaller(req, carrier, { ...context, repository: undefined });
      if (session?.id !== id)
        throw new HoldfastError('auth.forbidden', { message: 'That session is not open for the caller.' });
      const { count } = await readJson(req, leaseRequest, maxApiBytes);
      return context.channels.lease(session, count, carrier.connection.remoteAddress);
    },
  },
  {
    method: 'POST',
    path: /^\/leases$/,
    caller: 'computer',
    run: async (context, { req, carrier }) => {
      const { grant } = await identifyCaller(req, carrier, { ...context, repository: undefined });
      const isComputer = carrier.connection.channel !== 'client-to-mover';
      if (grant.sessionId !== undefined || grant.fingerprint === undefined || !isComputer)
        throw new HoldfastError('auth.forbidden', { message: 'That needs a standing grant of a computer.' });
      const { tenant, repository, subject, fingerprint, mode } = grant;
      const session = context.sessions.standing({ tenant, repository, subject, fingerprint, mode });
      const { count } = await readJson(req, leaseRequest, maxApiBytes);
      return context.channels.lease(session, count, carrier.connection.remoteAddress);
    },
  },
  {
    method: 'GET',
    path: /^\/use$/,
    caller: 'server',
    run: async ({ wire, history }) => ({ channels: wire.use(), report: history.report() }),
  },
  {
    method: 'GET',
    path: /^\/agents$/,
    caller: 'server',
    run: async ({ agents }) => ({ agents: agents.list() }),
  },
];

const relayPath = new RegExp(`^${moverApiPrefix}/agents/${uuid}/tasks$`);

const viewPath = new RegExp(`^${moverApiPrefix}/sessions/${uuid}/view$`);

export function isApiPath(url: string): boolean {
  return url === moverApiPrefix || url.startsWith(`${moverApiPrefix}/`);
}

/** Answers one request of the mover's own API. Never throws. */
export async function answerApi(
  context: ApiContext,
  carrier: Carrier,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  try {
    const path = (req.url ?? '').slice(moverApiPrefix.length).split('?', 1)[0] ?? '';
    const endpoint = endpoints.find((one) => one.method === req.method && one.path.test(path));
    // Who is nobody here learns nothing about what there is.
    if (!endpoint || endpoint.caller === 'server') requireServer(carrier.connection);
    if (!endpoint) throw new HoldfastError('request.missing', { message: 'There is no such operation.' });
    const id = endpoint.path.exec(path)?.[1] ?? '';
    const logAfter = new URL(req.url ?? '', 'https://mover').searchParams.get('logAfter') ?? '';
    sendJson(res, 200, await endpoint.run(context, { req, carrier, id, logAfter }));
  } catch (error) {
    const failure = toHoldfastError(error);
    context.onFailure(failure, req);
    await sendError(req, res, failure);
  }
}

function requireServer({ peer }: Connection): void {
  if (!peer) throw new HoldfastError('auth.required', { message: 'That needs the certificate of the backup server.' });
  if (peer.role !== 'server')
    throw new HoldfastError('auth.forbidden', { message: `Only the backup server may do that, not a ${peer.role}.` });
}

/**
 * `GET /agents/:id/tasks`, server only: joins the connection with the agent of this computer. `GET /ports`, server only: this
 * mover's own part in checks and audits. `GET /tasks`, server only: work in its repositories. `GET /sessions/:id/view`: see
 * `openView`. Never throws.
 */
export async function answerUpgrade(
  context: ApiContext,
  carrier: Carrier,
  upgrade: { req: IncomingMessage; stream: Duplex; head: Buffer },
  signal: AbortSignal,
): Promise<void> {
  const { req, stream, head } = upgrade;
  try {
    const readerSessionId = viewPath.exec(req.url ?? '')?.[1];
    if (readerSessionId !== undefined) return await openView(context, carrier, { ...upgrade, readerSessionId });
    const id = relayPath.exec(req.url ?? '')?.[1];
    const own = new Map([
      [moverPortsPath, context.servePorts],
      [moverTasksPath, context.serveTasks],
    ]).get(req.url ?? '');
    requireServer(carrier.connection);
    if (req.method !== 'GET' || !(id ?? own) || req.headers.upgrade?.toLowerCase() !== taskProtocol)
      throw new HoldfastError('request.missing', { message: `Nothing can be upgraded to ${taskProtocol} there.` });
    if (own) {
      acceptUpgrade(stream, head);
      using _ = addAbortListener(signal, () => stream.destroy());
      return await own(stream);
    }
    if (id === undefined) return;
    using agent = await context.agents.relay(id, signal);
    acceptUpgrade(stream, head);
    await relay(stream, agent.stream, signal);
  } catch (error) {
    const failure = toHoldfastError(error);
    context.onFailure(failure, req);
    refuseUpgrade(stream, failure);
  }
}

/** An executor, whose session is for that, offers a stream on which it shows a snapshot to the computer of another session. */
async function openView(
  context: ApiContext,
  carrier: Carrier,
  o: {
    readonly req: IncomingMessage;
    readonly stream: Duplex;
    readonly head: Buffer;
    readonly readerSessionId: string;
  },
): Promise<void> {
  const { req, stream, head, readerSessionId } = o;
  const { session } = await identifyCaller(req, carrier, { ...context, repository: undefined });
  if (req.headers.upgrade?.toLowerCase() !== viewProtocol)
    throw new HoldfastError('request.missing', { message: `Nothing but ${viewProtocol} is spoken there.` });
  if (session?.publishesTo !== readerSessionId)
    throw new HoldfastError('auth.forbidden', { message: 'The session of the caller is not for that view.' });
  const reader = context.sessions.require(readerSessionId);
  if (!reader.viewOnly || reader.tenant !== session.tenant || reader.repository !== session.repository)
    throw new HoldfastError('auth.forbidden', { message: 'That session is not for a view of the repository.' });
  using _used = session.beginRequest();
  const end = (): void => void stream.destroy();
  using _over = addAbortListener(session.over, end);
  const view = context.views.of(reader);
  view.requireRoom();
  acceptUpgrade(stream, head, viewProtocol);
  await view.offer(carrier.connection, stream);
}

function acceptUpgrade(stream: Duplex, head: Buffer, protocol: string = taskProtocol): void {
  stream.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${protocol}\r\n\r\n`);
  if (head.length > 0) stream.unshift(head);
}

/** Passes bytes until either side hangs up, which is how every relay ends: whoever still needed it finds out by itself. */
async function relay(from: Duplex, to: Duplex, signal: AbortSignal): Promise<void> {
  try {
    await pipe(from, to, { signal });
  } catch (error) {
    if (errnoOf(error) !== 'ECONNRESET') throw error;
  }
}

function refuseUpgrade(stream: Duplex, error: HoldfastError): void {
  if (stream.destroyed) return;
  const body = JSON.stringify(error);
  stream.end(
    `HTTP/1.1 ${error.entry.http} Refused\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
