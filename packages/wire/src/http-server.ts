import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorTable, isHoldfastError, toHoldfastError } from '@holdfast/core';
import type { Connection } from './connection.ts';
import type { PeerIdentity } from './identity.ts';
import {
  bodySilenceMs,
  connectionsCheckMs,
  headersTimeoutMs,
  maxHeaderBytes,
  maxRequestsPerConnection,
  serverKeepAliveMs,
} from './limits.ts';
import { createServer } from './node-http.ts';

export interface HttpServerOptions {
  /** May be left out where a framework adds its own listener to `server` (Fastify's `serverFactory`). */
  readonly handler?: (req: IncomingMessage, res: ServerResponse) => void;
  /** Without it a request to upgrade is answered like any other. `head`: what the client sent after its request already. */
  readonly onUpgrade?: (req: IncomingMessage, stream: Duplex, head: Buffer) => void;
  readonly limits?: {
    /** Largest head of a request. Default 16 KiB. */
    readonly headerBytes?: number;
    /** A request's head must be complete by then. Default 30,000. */
    readonly headersTimeoutMs?: number;
    /** A request's body may be silent for so long. Default 120,000. Answers, and so streams of events, have no limit. */
    readonly bodySilenceMs?: number;
    /** An idle connection is kept for so long. Default 120,000. */
    readonly keepAliveMs?: number;
  };
}

/** An HTTP/1.1 server that never listens: it serves the connections that it is fed, from a listener, a lease or a relay. */
export interface HttpServerOnConnections extends AsyncDisposable {
  /** Node's server, for a framework. Nobody may call its `listen`. */
  readonly server: Server;
  /** Serves a connection. Needs no `this`: it can be given as `onConnection`. */
  readonly feed: (connection: Connection) => void;
  /** Who sent the request; undefined without a certificate. */
  peerOf(req: IncomingMessage): PeerIdentity | undefined;
  connectionOf(req: IncomingMessage): Connection | undefined;
  /** Takes no more connections, closes idle ones, waits for requests under way; at the time limit it cuts them. Default 5,000. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

export function createHttpServer(o: HttpServerOptions): HttpServerOnConnections {
  const { limits = {} } = o;
  const bySocket = new WeakMap<Duplex, Connection>();
  const open = new Set<Connection>();
  let closing = false;
  const silenceMs = limits.bodySilenceMs ?? bodySilenceMs;

  const server = createServer({
    maxHeaderSize: limits.headerBytes ?? maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs ?? headersTimeoutMs,
    // A large object over a slow line takes as long as it takes; silence is what ends a body (below).
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs ?? serverKeepAliveMs,
    connectionsCheckingInterval: Math.min(connectionsCheckMs, limits.headersTimeoutMs ?? connectionsCheckMs),
  });
  server.maxRequestsPerSocket = maxRequestsPerConnection;

  const connectionOf = (req: IncomingMessage): Connection | undefined => bySocket.get(req.socket);

  /** False, and the request is answered, when the peer's certificate has been revoked since it connected. */
  function admit(req: IncomingMessage, answer: (status: number, body: string) => void): boolean {
    try {
      connectionOf(req)?.assertTrusted();
      return true;
    } catch (error) {
      const report = toHoldfastError(error);
      answer(errorTable[report.code].http, JSON.stringify(report));
      return false;
    }
  }

  /** The framework's listeners, and ours, run only for peers that are still trusted. */
  const emit = server.emit.bind(server);
  server.emit = (event: string | symbol, ...values: unknown[]): boolean => {
    if (event !== 'request' && event !== 'checkContinue') return emit(event as string, ...values);
    const [req, res] = values as [IncomingMessage, ServerResponse];
    const trusted = admit(req, (status, body) => {
      res.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(body);
      res.once('close', () => req.socket.destroy());
    });
    if (!trusted) return true;
    watchBody(req, silenceMs);
    // A connection that was busy when we began to close is idle after its answer.
    res.once('close', () => {
      if (closing) setImmediate(() => server.closeIdleConnections());
    });
    return emit(event as string, ...values);
  };

  if (o.handler) server.on('request', o.handler);
  const { onUpgrade } = o;
  if (onUpgrade) {
    server.on('upgrade', (req, stream, head) => {
      const trusted = admit(req, (status, body) => {
        stream.end(
          `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
        );
      });
      if (trusted) onUpgrade(req, stream, head);
    });
  }
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // The socket's own registration keeps the error; a broken request gets the status that HTTP has for it.
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
    if (socket.writable && error.code !== 'ECONNRESET') {
      socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    } else {
      socket.destroy();
    }
  });
  // Node starts to watch for slow heads when a server begins to listen, which this one never does.
  server.emit('listening');

  const close = async (options: { readonly graceMs?: number } = {}): Promise<void> => {
    closing = true;
    // Also stops the watch for slow heads. It says that the server never listened, which is so.
    server.close((error) => {
      if (error && isHoldfastError(error)) throw error;
    });
    server.closeIdleConnections();
    const timer = setTimeout(() => {
      for (const { stream } of open) stream.destroy();
    }, options.graceMs ?? 5_000);
    await Promise.all([...open].map(({ closed }) => closed));
    clearTimeout(timer);
  };

  return {
    server,
    feed: (connection) => {
      const { stream } = connection;
      if (closing) {
        stream.destroy();
        return;
      }
      bySocket.set(stream, connection);
      open.add(connection);
      void connection.closed.then(() => open.delete(connection));
      server.emit('connection', stream as Socket);
    },
    peerOf: (req) => connectionOf(req)?.peer,
    connectionOf,
    close,
    [Symbol.asyncDispose]: () => close({ graceMs: 0 }),
  };
}

/** Cuts a request whose body stays silent. Off once the body is in: the answer may take, and stream, as long as it likes. */
function watchBody(req: IncomingMessage, silenceMs: number): void {
  if (req.complete) return;
  const { socket } = req;
  socket.setTimeout(silenceMs);
  req.once('end', () => socket.setTimeout(0));
}
