import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import { HoldfastError } from '@holdfast/core';
import {
  type LogLine,
  moverApiPrefix,
  moverTasksPath,
  type OpenSession,
  openSession,
  placeRepository,
  reportOf,
  type TrustUpdate,
  trustUpdate,
} from '@holdfast/protocol';
import { createHttpServer, createWire, type Identity, type Listener, type Wire } from '@holdfast/wire';
import { acceptUpgrade } from '../http-app.ts';
import type { TestAgent } from './test-agent.ts';
import type { Enrolled } from './test-server.ts';

/** A mover's side of the server's requests, over real TLS, with an enrolled certificate. It stores nothing. */
export class TestMover implements AsyncDisposable {
  readonly id: string;
  readonly identity: Identity;
  readonly sessions = new Map<string, OpenSession>();
  /** What it says of each session, whatever it was asked for. */
  sessionLog: LogLine[] = [];
  readonly closedSessions: string[] = [];
  /** As it is now, of all these. */
  readonly openSessions = new Set<string>();
  /** What a request for a session waits for before it counts, as on a slow network. */
  onSession: (() => Promise<void>) | undefined;
  readonly dialled: unknown[] = [];
  trust: TrustUpdate | undefined;
  trustCount = 0;
  #trustRevision = 0;
  /** What a telling of trust waits for before it counts, as on a slow network. */
  onTrust: (() => Promise<void>) | undefined;
  /** Agents of this computer that registered. */
  readonly agents = new Map<string, TestAgent>();
  /** Does the tasks in repositories of this mover. */
  executor: TestAgent | undefined;
  dialError: HoldfastError | undefined;
  /** What each of its repositories takes; undefined: it can't say. */
  usedBytes: number | undefined;
  readonly #wire: Wire;
  readonly #serverId: string;
  #listener: Listener | undefined;

  constructor(enrolled: Enrolled, o: { port: number }) {
    this.id = enrolled.answer.id;
    this.#serverId = enrolled.answer.serverId;
    this.identity = enrolled.identity;
    this.#wire = createWire({
      role: 'data-mover',
      bind: '127.0.0.1',
      overrides: { 'server-to-mover': o.port },
      identity: () => this.identity,
    });
  }

  async listen(): Promise<void> {
    const http = createHttpServer({
      handler: (req, res) => {
        this.#answer(req, res).catch((error: unknown) => answer(res, 409, reportOf(error)));
      },
      onUpgrade: (req, stream, head) => {
        if (req.url === moverTasksPath && this.executor) {
          acceptUpgrade(stream, head, 'holdfast-task');
          this.executor.serve(stream);
          return;
        }
        const id = /\/agents\/([^/]+)\/tasks$/.exec(req.url ?? '')?.[1] ?? '';
        const agent = this.agents.get(id);
        if (!agent) {
          const body = JSON.stringify(
            new HoldfastError('request.missing', { message: 'No such agent is registered here.' }),
          );
          stream.end(`HTTP/1.1 404 Refused\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
          return;
        }
        acceptUpgrade(stream, head, 'holdfast-task');
        void agent.wire
          .secure(stream, {
            channel: 'server-to-agent-transport',
            side: 'server',
            expect: { role: 'server', id: this.#serverId },
          })
          .then((connection) => agent.serve(connection.stream));
      },
    });
    this.#listener = await this.#wire.listen(['server-to-mover', 'server-to-agent-transport'], {
      onConnection: (connection) => http.feed(connection),
    });
  }

  async stop(): Promise<void> {
    await this.#listener?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#wire[Symbol.asyncDispose]();
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = (req.url ?? '').slice(moverApiPrefix.length);
    const body: unknown = req.method === 'PUT' || req.method === 'POST' ? await json(req) : undefined;
    const [, kind, id, verb] = path.replace(/\?.*$/, '').split('/');
    if (req.method === 'PUT' && kind === 'trust') {
      const next = trustUpdate.parse(body);
      await this.onTrust?.();
      const context = { revision: `r${this.#trustRevision}` };
      if (req.headers['if-match'] !== context.revision) throw new HoldfastError('request.changed', { context });
      if (!isDeepStrictEqual(next, this.trust)) this.#trustRevision += 1;
      this.trust = next;
      this.trustCount += 1;
      return answer(res, 200, { revision: `r${this.#trustRevision}` });
    }
    if (req.method === 'POST' && kind === 'repositories') {
      const place = placeRepository.parse(body);
      return answer(res, 200, { ...place, location: `/nowhere/${place.tenant}/${place.repository}` });
    }
    if (req.method === 'POST' && kind === 'sessions' && id === undefined) {
      const session = openSession.parse(body);
      await this.onSession?.();
      this.sessions.set(session.sessionId, session);
      this.openSessions.add(session.sessionId);
      return answer(res, 200, { ...status(session.sessionId), log: this.sessionLog });
    }
    if (req.method === 'POST' && kind === 'sessions' && verb === 'dial') {
      this.dialled.push(body);
      if (this.dialError) throw this.dialError;
      return answer(res, 200, {});
    }
    if (req.method === 'DELETE' && kind === 'sessions' && id !== undefined) {
      this.closedSessions.push(id);
      this.openSessions.delete(id);
      return answer(res, 200, { ...status(id), log: this.sessionLog });
    }
    if (req.method === 'GET' && kind === 'repositories' && id === 'usage' && this.usedBytes !== undefined)
      return answer(res, 200, { usedBytes: this.usedBytes, objects: 1 });
    if (req.method === 'GET' && kind === 'use') return answer(res, 200, { channels: this.#wire.use() });
    return answer(res, 404, reportOf(new HoldfastError('request.missing')));
  }
}

function status(sessionId: string) {
  return { sessionId, openChannels: 0, receivedBytes: 0, sentBytes: 0, objectsCreated: 0 };
}

function answer(res: ServerResponse, code: number, body: unknown): void {
  res.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
