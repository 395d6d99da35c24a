import { AsyncLocalStorage } from 'node:async_hooks';
import { constants, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import { HoldfastError } from '@holdfast/core';
import type { Phase } from './failure.ts';
import type { Identity } from './identity.ts';
import { maxChainLength, maxKeptTlsServers } from './limits.ts';
import { type WaitOptions, waitOn } from './waiting.ts';

/**
 * TLS 1.3 of both sides. Neither lets Node judge the certificate by itself: Node would cut a refused peer without a word, and
 * ours is told why (`verdict.ts`). Callers must pass every socket through `peer-check.ts` before they use it.
 */

/**
 * ALPN name of our own dialler: the channel's id follows, so that a shared port knows what a connection is for, and the
 * listener sends a verdict first. Clients that offer another name, or none, get the plain protocol of the port.
 */
const alpnPrefix = 'holdfast/1+';
const alpnHttp = 'http/1.1';

/** AES-128 first: a tenth faster than AES-256 in Node, and no weaker link of the chain (P-256 certificates). */
const ciphers = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';
/** The first one holds against quantum computers as well; left out of OpenSSL's own list: finite fields of 2,048 bits (112 of security). */
const groups = 'X25519MLKEM768:X25519:P-256:P-384';

export type ClientCertificate = 'required' | 'optional' | 'none';

/** One handshake of the listening side, as its server tells how it went. */
interface Accepting {
  readonly done: (socket: TLSSocket) => void;
  readonly fail: (error: unknown) => void;
}

/** Which handshake it is that a server tells of: events of TLS come in the context in which they were set off. */
const accepting = new AsyncLocalStorage<Accepting>();

/** By what they were made from. */
const servers = new Map<string, Server>();

type AcceptOptions = WaitOptions & { identity: Identity; clientCertificate: ClientCertificate };

/**
 * The one for all handshakes with that certificate, because its context takes 50 KiB, as long as a connection lasts, and half a
 * millisecond; another one when the certificate is another. It is never listening, only given connections.
 */
function serverFor({ identity, clientCertificate, timeoutMs }: AcceptOptions): Server {
  const key = [clientCertificate, timeoutMs, identity.certificatePem, identity.privateKeyPem, identity.caPem].join(
    '\n',
  );
  const known = servers.get(key);
  if (known) return known;
  const server = createServer({
    cert:
      clientCertificate === 'required'
        ? identity.certificatePem
        : // Joiners compare the root's fingerprint with the one that they were given, so it has to be sent.
          `${identity.certificatePem.trimEnd()}\n${identity.caPem}`,
    key: identity.privateKeyPem,
    ca: identity.caPem,
    minVersion: 'TLSv1.3',
    ciphers,
    ecdhCurve: groups,
    requestCert: clientCertificate !== 'none',
    rejectUnauthorized: false,
    handshakeTimeout: timeoutMs,
    // A resumed session would carry no certificate. OpenSSL still sends tickets, but none that it would take back: nobody keeps them.
    secureOptions: constants.SSL_OP_NO_TICKET,
    ALPNCallback: ({ protocols }) =>
      protocols.find((name) => name.startsWith(alpnPrefix)) ?? protocols.find((name) => name === alpnHttp),
  });
  server.on('tlsClientError', (error) => accepting.getStore()?.fail(error));
  server.on('secureConnection', (socket) => {
    socket.on('error', () => socket.destroy());
    const waiting = accepting.getStore();
    // Nobody would ever look at it.
    if (!waiting) socket.destroy();
    waiting?.done(socket);
  });
  const [oldest] = servers.keys();
  if (servers.size >= maxKeptTlsServers && oldest !== undefined) servers.delete(oldest);
  servers.set(key, server);
  return server;
}

/** The listening side's handshake. Destroys the raw stream when it fails. */
export function acceptTls(raw: Duplex, o: AcceptOptions): Promise<TLSSocket> {
  return new Promise<TLSSocket>((resolve, reject) => {
    const server = serverFor(o);
    const settle = (): void => {
      o.signal?.removeEventListener('abort', onAbort);
      raw.off('close', onClose);
    };
    const fail = (error: unknown): void => {
      settle();
      raw.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(o.signal?.reason);
    // What cut it may be no part of the handshake's context.
    const onClose = (): void => fail(new HoldfastError('channel.closed'));
    if (o.signal?.aborted) return onAbort();
    o.signal?.addEventListener('abort', onAbort, { once: true });
    // The raw socket's own errors would be uncaught; TLS reports them as tlsClientError.
    raw.on('error', fail);
    raw.on('close', onClose);
    const done = (socket: TLSSocket): void => {
      settle();
      resolve(socket);
    };
    accepting.run({ done, fail }, () => server.emit('connection', raw));
  });
}

/** The channel that the dialler named; undefined for a client that is not ours and so gets no verdict. */
export function claimedChannel(socket: TLSSocket): string | undefined {
  const name = socket.alpnProtocol;
  return typeof name === 'string' && name.startsWith(alpnPrefix) ? name.slice(alpnPrefix.length) : undefined;
}

/** Whether the listening side speaks verdicts. */
export const speaksVerdict = (socket: TLSSocket): boolean => claimedChannel(socket) !== undefined;

type DiallerIdentity = Pick<Identity, 'certificatePem' | 'privateKeyPem'>;

/** Of an identity that dials again: reading certificate and key takes as long as the rest of the handshake's beginning. */
const contexts = new WeakMap<
  DiallerIdentity,
  { readonly caPem: string | undefined; readonly context: SecureContext }
>();

function contextFor(identity: DiallerIdentity | undefined, caPem: string | undefined): SecureContext {
  const known = identity && contexts.get(identity);
  if (known && known.caPem === caPem) return known.context;
  const context = createSecureContext({
    ...(identity ? { cert: identity.certificatePem, key: identity.privateKeyPem } : {}),
    ca: caPem ?? [],
    minVersion: 'TLSv1.3',
    ciphers,
    ecdhCurve: groups,
  });
  if (identity) contexts.set(identity, { caPem, context });
  return context;
}

export type TlsTarget = { readonly host: string; readonly port: number } | { readonly stream: Duplex };

/**
 * The dialling side's handshake, over a new TCP connection or within a stream. Destroys the socket when it fails.
 * `onPhase` tells how far it is, so that the caller can tell a lost question for a name, a dropped packet and a stalled handshake apart.
 */
export async function connectTls(
  target: TlsTarget,
  o: WaitOptions & {
    identity: DiallerIdentity | undefined;
    /** The only root that is believed; none: every chain is taken, and the caller must judge it. */
    caPem: string | undefined;
    /** The channel to name; none for leases, whose port belongs to one channel anyway. */
    channel: string | undefined;
    /** How far it has got. */
    onPhase?: (phase: Phase) => void;
  },
): Promise<TLSSocket> {
  o.signal?.throwIfAborted();
  const socket = connect({
    ...('stream' in target
      ? { socket: target.stream }
      : {
          host: target.host,
          port: target.port,
          ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
        }),
    secureContext: contextFor(o.identity, o.caPem),
    rejectUnauthorized: false,
    // Who the other end is stands in its URI name, which the caller checks; host names prove nothing within a fleet.
    checkServerIdentity: () => undefined,
    ALPNProtocols: o.channel === undefined ? [alpnHttp] : [`${alpnPrefix}${o.channel}`, alpnHttp],
  });
  // From now on an error always has a listener: one that comes late belongs to nobody and must not end the process.
  socket.on('error', () => socket.destroy());
  // The end of a request must not wait until the other end has confirmed its beginning.
  if ('host' in target) socket.setNoDelay(true);
  try {
    const { onPhase } = o;
    if (onPhase) {
      onPhase('stream' in target ? 'handshake' : isIP(target.host) === 0 ? 'resolve' : 'connect');
      socket.once('lookup', () => onPhase('connect'));
      socket.once('connect', () => onPhase('handshake'));
    }
    let secure = false;
    socket.once('secureConnect', () => {
      secure = true;
    });
    await waitOn(socket, ['secureConnect'], () => secure || undefined, o);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** The certificates that the other end presented, its own first. */
export function presentedChain(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: ReturnType<TLSSocket['getPeerCertificate']> | undefined = socket.getPeerCertificate(true);
  while (next?.raw && chain.length < maxChainLength) {
    const certificate = new X509Certificate(next.raw);
    if (chain.some(({ fingerprint256 }) => fingerprint256 === certificate.fingerprint256)) break;
    chain.push(certificate);
    next = 'issuerCertificate' in next ? next.issuerCertificate : undefined;
  }
  return chain;
}
