import type { Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Channel, ChannelId } from '@holdfast/contract';
import { HoldfastError, isHoldfastError } from '@holdfast/core';
import type { Connection, Connections, Registration } from './connection.ts';
import { connectionError } from './failure.ts';
import { acceptTls, type ClientCertificate, claimedChannel } from './handshake.ts';
import { type Identity, identityOf, peerIdentity } from './identity.ts';
import {
  maxConnectionsPerListener,
  maxPendingHandshakes,
  maxPendingHandshakesPerAddress,
  maxStrangersPerListener,
} from './limits.ts';
import { checkPeer, type PeerCheck } from './peer-check.ts';
import { channelFor, isPlain } from './roles.ts';
import { sendAccepted, sendRefused } from './verdict.ts';
import { WaitingRoom } from './waiting-room.ts';

export interface Listener extends AsyncDisposable {
  readonly channels: readonly ChannelId[];
  readonly host: string;
  readonly port: number;
  /** Why it is not the contract's (or the configured) port; undefined when it is. Print it. */
  readonly reason: string | undefined;
  /** Connections that are open. */
  readonly connections: number;
  /** Stops listening. Open connections go on; disposing cuts them as well. */
  close(): Promise<void>;
}

export interface AcceptorOptions {
  readonly channels: readonly Channel[];
  readonly clientCertificate: ClientCertificate;
  readonly foreignCertificates: boolean;
  readonly identity: () => Identity;
  readonly isRevoked: (serial: string) => boolean;
  readonly connections: Connections;
  readonly handshakeTimeoutMs: number;
  readonly here: string;
  readonly onConnection: (connection: Connection) => void;
  readonly onRefused: (error: HoldfastError, remoteAddress: string, channel: ChannelId) => void;
  /** Somebody was cut without being looked at, because too many are there, or before him. */
  readonly onCrowded: (channel: ChannelId) => void;
}

/** Turns accepted sockets into verified connections, within bounds. */
export class Acceptor {
  readonly #o: AcceptorOptions;
  readonly #pending = new Map<string, number>();
  readonly #waiting: WaitingRoom;
  readonly #stop = new AbortController();
  readonly open = new Set<Connection>();
  /** Of those, the ones of peers without a certificate of ours. */
  readonly strangers = new Set<Connection>();
  #pendingTotal = 0;
  port = 0;

  constructor(options: AcceptorOptions) {
    this.#o = options;
    // Whoever dials has `dialTimeoutMs` for both.
    this.#waiting = new WaitingRoom({ waitMs: options.handshakeTimeoutMs / 2, onCut: () => this.#tellCrowded() });
    if (new Set(options.channels.map(isPlain)).size > 1)
      throw new HoldfastError('usage.configuration', {
        message: 'A port has TLS for all of its channels, or for none.',
      });
  }

  readonly take = (socket: Socket): void => {
    const address = socket.remoteAddress ?? '';
    if (!this.#hasRoom || this.#stop.signal.aborted) {
      socket.on('error', () => socket.destroy());
      socket.destroy();
      if (!this.#stop.signal.aborted) this.#tellCrowded();
    } else if (this.#mayBegin(address)) this.#begin(socket, address);
    else this.#waiting.enter(socket, address);
  };

  get #hasRoom(): boolean {
    return this.open.size + this.#pendingTotal < maxConnectionsPerListener;
  }

  readonly #mayBegin = (address: string): boolean =>
    this.#hasRoom &&
    this.#pendingTotal < maxPendingHandshakes &&
    (this.#pending.get(address) ?? 0) < maxPendingHandshakesPerAddress;

  #begin(socket: Socket, address: string): void {
    this.#pending.set(address, (this.#pending.get(address) ?? 0) + 1);
    this.#pendingTotal += 1;
    void this.#accept(socket, address).finally(() => {
      this.#pendingTotal -= 1;
      const left = (this.#pending.get(address) ?? 1) - 1;
      if (left > 0) this.#pending.set(address, left);
      else this.#pending.delete(address);
      const next = this.#waiting.next(this.#mayBegin);
      if (next) this.#begin(next.socket, next.address);
    });
  }

  #tellCrowded(): void {
    const [first] = this.#o.channels;
    if (first) this.#o.onCrowded(first.id);
  }

  async #accept(raw: Socket, address: string): Promise<void> {
    const { channels, here } = this.#o;
    const [first] = channels;
    if (!first) return;
    let connection: Connection | undefined;
    let claimed: string | undefined;
    try {
      if (isPlain(first)) {
        this.#checkRoom(raw, first);
        connection = this.#register(raw, { channel: first, peer: undefined });
        this.#o.onConnection(connection);
        return;
      }
      const identity = this.#o.identity();
      const socket = await acceptTls(raw, {
        identity,
        clientCertificate: this.#o.clientCertificate,
        timeoutMs: this.#o.handshakeTimeoutMs,
        signal: this.#stop.signal,
      });
      claimed = claimedChannel(socket);
      connection = this.#admit(socket, identity, first);
      this.#o.onConnection(connection);
    } catch (error) {
      connection?.stream.destroy();
      if (this.#stop.signal.aborted) return;
      const ends = { channel: first, from: address, host: here, port: this.port };
      const failure = isHoldfastError(error) ? error : connectionError(error, 'handshake', ends);
      // What a stranger claims is its own text.
      this.#o.onRefused(failure, address, (channels.find(({ id }) => id === claimed) ?? first).id);
    }
  }

  /** Judges the peer of a finished handshake, and tells it. */
  #admit(socket: TLSSocket, identity: Identity, first: Channel): Connection {
    const { channels } = this.#o;
    const claimed = claimedChannel(socket);
    const remote = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    const certificate = socket.getPeerX509Certificate();
    const isForeign = this.#o.foreignCertificates && certificate !== undefined && !peerIdentity(certificate);
    const check: PeerCheck = isForeign
      ? { ok: true, peer: undefined }
      : checkPeer(
          socket,
          {
            certificate: this.#o.clientCertificate,
            roles: undefined,
            installation: identityOf(identity.certificatePem).installation,
            isRevoked: this.#o.isRevoked,
          },
          'a client certificate',
        );
    const channel = check.ok ? channelFor(channels, check.peer, claimed) : undefined;
    if (!check.ok || !channel) {
      const refusal = check.ok
        ? {
            code: 'channel.identity' as const,
            what: check.peer
              ? `met ${check.peer.role} ${check.peer.id}, which may not use ${claimed ?? 'any channel'} here`
              : `met somebody without a certificate, who may not use ${claimed ?? 'any channel'} here`,
            guidance: 'Check that the address and the port are right.',
          }
        : check;
      const error = new HoldfastError(refusal.code, {
        message: `Channel ${claimed ?? first.id} from ${remote} to ${this.#o.here}:${this.port} ${refusal.what}.`,
        guidance: refusal.guidance,
        context: { channel: claimed ?? first.id, from: remote, host: this.#o.here, port: this.port },
      });
      if (claimed === undefined) socket.destroy();
      else sendRefused(socket, error, this.#o.handshakeTimeoutMs);
      throw error;
    }
    if (!check.peer) this.#checkRoom(socket, channel);
    if (claimed !== undefined) sendAccepted(socket);
    return this.#register(socket, { channel, peer: check.peer, certificate, caPem: identity.caPem });
  }

  /** Cuts a stranger beyond those that may be there. */
  #checkRoom(socket: Socket, channel: Channel): void {
    if (this.strangers.size < maxStrangersPerListener) return;
    socket.destroy();
    throw new HoldfastError('internal.limit', {
      message: `More than ${maxStrangersPerListener} connections without a certificate of this installation are open on port ${this.port}.`,
      context: { channel: channel.id, from: socket.remoteAddress ?? '', port: this.port },
    });
  }

  #register(stream: Socket, who: Pick<Registration, 'channel' | 'peer' | 'certificate' | 'caPem'>): Connection {
    const connection = this.#o.connections.register({ ...who, stream, direction: 'in', port: this.port });
    const sets = who.peer ? [this.open] : [this.open, this.strangers];
    for (const set of sets) set.add(connection);
    void connection.closed.then(() => {
      for (const set of sets) set.delete(connection);
    });
    return connection;
  }

  /** Cuts handshakes that are under way or waiting; takes no more. */
  stop(): void {
    this.#stop.abort();
    this.#waiting.close();
  }
}

/** Stops a server from listening; resolves when the port is free. Connections that it accepted stay open. */
export function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // `close` would also wait for the accepted connections, but the port is free as soon as it has returned.
    server.close();
    setImmediate(resolve);
  });
}
