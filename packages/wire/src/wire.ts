import type { Server, Socket } from 'node:net';
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';
import { type Channel, type ChannelId, channel as channelOf } from '@holdfast/contract';
import { type Clock, HoldfastError, isHoldfastError, systemClock, toHoldfastError } from '@holdfast/core';
import { channelOfKind, portToDial, rangeOf } from './channel-port.ts';
import { type Connection, Connections } from './connection.ts';
import { sendDatagram } from './datagram.ts';
import { fetchRoot, openConnection } from './dial.ts';
import { connectionError, type Ends } from './failure.ts';
import type { Identity } from './identity.ts';
import { type Lease, LeasePorts, leasePreamble, openLease } from './lease.ts';
import { librarySocket } from './library-socket.ts';
import { dialTimeoutMs, handshakeTimeoutMs, leaseExpireMs } from './limits.ts';
import { Acceptor, type Listener, stopListening } from './listener.ts';
import { dialSocket, listenSocket } from './local.ts';
import { type ChannelCounts, type ChannelUse, Meter } from './meter.ts';
import { connectOutside } from './outside.ts';
import { bindChannels } from './ports.ts';
import { admitsAnonymous, isPlain } from './roles.ts';
import { acceptSecure } from './secure.ts';
import { StickyPorts } from './sticky-ports.ts';
import type {
  DialOptions,
  LeaseDialOptions,
  LeaseRequest,
  ListenOptions,
  LocalListener,
  LocalListenOptions,
  OutsideDialOptions,
  SecureOptions,
  WireOptions,
} from './wire-options.ts';

/**
 * The only way to a socket. Everything that a process listens on and dials goes through its one Wire, along a channel of the
 * contract; disposing it closes all of it.
 */
export class Wire implements AsyncDisposable {
  readonly #o: WireOptions;
  readonly #clock: Clock;
  readonly #platform: NodeJS.Platform;
  readonly #meter: Meter;
  readonly #connections: Connections;
  readonly #leasePorts = new LeasePorts();
  readonly #sticky: StickyPorts | undefined;
  readonly #open = new Set<AsyncDisposable>();
  readonly #isRevoked: (serial: string) => boolean;
  readonly #handshakeTimeoutMs: number;
  readonly #here: string;

  constructor(options: WireOptions) {
    this.#o = options;
    this.#clock = options.clock ?? systemClock;
    this.#platform = options.platform ?? process.platform;
    this.#isRevoked = options.isRevoked ?? (() => false);
    this.#meter = new Meter(() => this.#clock.now());
    this.#connections = new Connections({ meter: this.#meter, clock: this.#clock, isRevoked: this.#isRevoked });
    this.#sticky = options.stateDir === undefined ? undefined : new StickyPorts(options.stateDir);
    this.#handshakeTimeoutMs = options.handshakeTimeoutMs ?? handshakeTimeoutMs;
    this.#here = `${options.role} on ${hostname()}`;
  }

  /**
   * Listens along one or several channels on one port. Who connects decides the channel: our own diallers name it, others get
   * the first that their certificate, or its absence, admits. Errors: `port.occupied`, `port.forbidden`, `port.reserved`,
   * `usage.configuration` without an identity, where the channel has TLS.
   */
  async listen(channels: ChannelId | readonly ChannelId[], o: ListenOptions): Promise<Listener> {
    const listed = (typeof channels === 'string' ? [channels] : channels).map((id) => channelOfKind('tcp', id));
    const [first] = listed;
    if (!first) throw new HoldfastError('usage.configuration', { message: 'No channel to listen along was given.' });
    if (!isPlain(first)) this.#identity(first);
    const host = this.#host(listed);
    const acceptor = new Acceptor({
      channels: listed,
      clientCertificate: o.clientCertificate ?? (listed.some(admitsAnonymous) ? 'optional' : 'required'),
      foreignCertificates: o.foreignCertificates === 'admit',
      identity: () => this.#identity(first),
      isRevoked: this.#isRevoked,
      connections: this.#connections,
      handshakeTimeoutMs: this.#handshakeTimeoutMs,
      here: this.#here,
      onConnection: o.onConnection,
      onRefused: this.#onRefused,
      onCrowded: (channel) => this.#meter.refuse({ channel, direction: 'in', reason: 'internal.limit' }),
    });
    const bound = await this.#bindFor(listed, host, o, acceptor);
    acceptor.port = bound.port;
    // A connection to the port that stands in is one along the channel that stands in.
    if (!listed.includes(bound.channel)) listed.push(bound.channel);
    let stopped: Promise<void> | undefined;
    const close = (): Promise<void> => {
      stopped ??= (async () => {
        o.signal?.removeEventListener('abort', onAbort);
        acceptor.stop();
        await stopListening(bound.server);
        bound.release();
      })();
      return stopped;
    };
    const onAbort = (): void => void close();
    const listener: Listener = {
      channels: listed.map(({ id }) => id),
      host,
      port: bound.port,
      reason: bound.reason,
      get connections() {
        return acceptor.open.size;
      },
      close,
      [Symbol.asyncDispose]: async () => {
        this.#open.delete(listener);
        await close();
        const cut = [...acceptor.open].map(({ stream, closed }) => {
          stream.destroy();
          return closed;
        });
        await Promise.all(cut);
      },
    };
    this.#open.add(listener);
    o.signal?.addEventListener('abort', onAbort, { once: true });
    return listener;
  }

  async #bindFor(
    listed: readonly Channel[],
    host: string,
    o: ListenOptions,
    acceptor: Acceptor,
  ): Promise<{
    server: Server;
    port: number;
    channel: Channel;
    reason: string | undefined;
    release: () => void;
  }> {
    const [first] = listed;
    // A session port of the data range that stays open to many connections.
    if (first?.busy.kind === 'onePortPerConnection') {
      const range = rangeOf(first, this.#o.overrides);
      const leased = await this.#leasePorts.bind({ channel: first, range, host, onSocket: acceptor.take });
      return { ...leased, channel: first, reason: undefined };
    }
    const bound = await bindChannels({
      channels: listed,
      host,
      overrides: this.#o.overrides ?? {},
      policy: o.port ?? 'exact',
      sticky: this.#sticky,
      platform: this.#platform,
      onSocket: acceptor.take,
      signal: o.signal,
    });
    return { ...bound, release: () => undefined };
  }

  /**
   * Connects along a channel and verifies the other end: issued by our installation's CA, a role that the channel names, not
   * revoked. Every failure is a HoldfastError that names the channel, both ends, the likely cause and what to do.
   */
  async dial(channel: ChannelId, host: string, o: DialOptions = {}): Promise<Connection> {
    const { ends, target } = this.#ends(channel, host, o.port);
    const timeoutMs = o.timeoutMs ?? dialTimeoutMs;
    const { caFingerprint: fingerprint } = o;
    const caPem =
      fingerprint === undefined
        ? o.caPem
        : await this.#tried(channel, o.signal, fetchRoot({ ends, fingerprint, timeoutMs, signal: o.signal }));
    const opening = openConnection({
      ends,
      target,
      identity: this.#o.identity?.(),
      caPem,
      hostName: o.orHostName === true ? host : undefined,
      hostCaPem: o.hostCaPem,
      clientPem: o.clientPem,
      peerId: o.peerId,
      fingerprint: o.fingerprint,
      claim: true,
      isRevoked: this.#isRevoked,
      connections: this.#connections,
      timeoutMs,
      signal: o.signal,
    });
    return await this.#tried(channel, o.signal, opening);
  }

  /** Connects to a program that is not ours, which proves its host name at most. Errors: those of `dial`, `channel.address`. */
  async dialOutside(channel: ChannelId, host: string, o: OutsideDialOptions = {}): Promise<Connection> {
    const { ends } = this.#ends(channel, host, o.port);
    const target = { ends, resolve: this.#o.resolve, admits: o.admits, tls: o.tls };
    const wait = { timeoutMs: o.timeoutMs ?? dialTimeoutMs, signal: o.signal };
    const stream = await this.#tried(channel, o.signal, connectOutside(target, wait));
    return this.#connections.register({
      stream,
      channel: ends.channel,
      direction: 'out',
      peer: undefined,
      port: ends.port,
    });
  }

  /** Sends one datagram along a UDP channel: nobody says whether it arrived. */
  async sendDatagram(
    channel: ChannelId,
    host: string,
    message: Uint8Array,
    o: { readonly port?: number } = {},
  ): Promise<void> {
    const { ends } = this.#ends(channel, host, o.port, 'udp');
    await this.#tried(channel, undefined, sendDatagram(ends, message, this.#o.resolve));
    this.#meter.datagram({ channel, port: ends.port, sentBytes: message.length });
  }

  /** The root certificate (PEM) that the other end presents, if its SHA-256 is the given one; `auth.fingerprint` if not. */
  async fetchCa(channel: ChannelId, host: string, o: DialOptions & { caFingerprint: string }): Promise<string> {
    const { ends } = this.#ends(channel, host, o.port);
    const timeoutMs = o.timeoutMs ?? dialTimeoutMs;
    return await fetchRoot({ ends, fingerprint: o.caFingerprint, timeoutMs, signal: o.signal });
  }

  /**
   * Binds a port of the channel's range for exactly one connection. Errors: `lease.none`, `firewall.lease`. The lease's own
   * `connection` rejects with `lease.refused`.
   */
  async lease(channel: ChannelId, o: LeaseRequest): Promise<Lease> {
    const entry = channelOfKind('tcp', channel);
    this.#identity(entry);
    const expireMs = o.expireMs ?? leaseExpireMs;
    const lease = await openLease({
      channel: entry,
      range: rangeOf(entry, this.#o.overrides),
      host: this.#host([entry]),
      here: this.#here,
      nonce: o.nonce,
      fingerprint: o.fingerprint,
      expireMs,
      onExpire: o.onExpire,
      onRefused: this.#onRefused,
      signal: o.signal,
      ports: this.#leasePorts,
      identity: () => this.#identity(entry),
      isRevoked: this.#isRevoked,
      connections: this.#connections,
      handshakeTimeoutMs: this.#handshakeTimeoutMs,
      clock: this.#clock,
    });
    this.#open.add(lease);
    const forget = (): void => void this.#open.delete(lease);
    lease.connection.then((connection) => connection.closed.then(forget), forget);
    if (this.#o.firewall && o.peer !== undefined && !entry.loopbackOnly) {
      try {
        const { peer } = o;
        const opening = { direction: 'in', peer, port: lease.port, lifetimeMs: expireMs } as const;
        const opened = await this.#o.firewall.lease(opening, o.signal);
        const close = (): void => void this.#closeFirewall(opened, peer);
        lease.connection.then(close, close);
      } catch (error) {
        await lease[Symbol.asyncDispose]();
        throw error;
      }
    }
    return lease;
  }

  /** A connection that stands passes without its lease; what cannot be taken away here ends by itself. */
  async #closeFirewall(opened: AsyncDisposable, peer: string): Promise<void> {
    try {
      await opened[Symbol.asyncDispose]();
    } catch (error) {
      this.#o.onRefused?.(toHoldfastError(error), peer);
    }
  }

  /** Connects to a leased port. Errors: those of `dial`, `lease.refused`, and `firewall.lease`. */
  async dialLease(channel: ChannelId, host: string, port: number, o: LeaseDialOptions): Promise<Connection> {
    const { ends, target } = this.#ends(channel, host, port);
    const timeoutMs = o.timeoutMs ?? dialTimeoutMs;
    await using closing = new AsyncDisposableStack();
    if (this.#o.firewall && !channelOf(channel).loopbackOnly) {
      const opening = { direction: 'out', peer: host, port, lifetimeMs: timeoutMs } as const;
      const opened = await this.#o.firewall.lease(opening, o.signal);
      closing.defer(() => this.#closeFirewall(opened, host));
    }
    const connecting = openConnection({
      ends,
      target,
      identity: this.#o.identity?.(),
      caPem: undefined,
      fingerprint: o.fingerprint,
      peerId: o.peerId,
      claim: false,
      preamble: leasePreamble(o.nonce),
      isRevoked: this.#isRevoked,
      connections: this.#connections,
      timeoutMs,
      signal: o.signal,
    });
    return await this.#tried(channel, o.signal, connecting);
  }

  /** Listens on a Unix socket, or a named pipe on Windows. `process.running` when another process answers there. */
  async listenLocal(channel: ChannelId, path: string, o: LocalListenOptions): Promise<LocalListener> {
    const entry = channelOfKind('local', channel);
    const open = new Set<Connection>();
    const server = await listenSocket(path, {
      mode: o.mode ?? 0o600,
      platform: this.#platform,
      timeoutMs: dialTimeoutMs,
      onSocket: (socket) => {
        const connection = this.#register(entry, 'in', socket);
        open.add(connection);
        void connection.closed.then(() => open.delete(connection));
        o.onConnection(connection);
      },
    });
    const listener: LocalListener = {
      path,
      [Symbol.asyncDispose]: async () => {
        this.#open.delete(listener);
        await stopListening(server);
        for (const { stream } of open) stream.destroy();
        await Promise.all([...open].map(({ closed }) => closed));
      },
    };
    this.#open.add(listener);
    return listener;
  }

  async dialLocal(
    channel: ChannelId,
    path: string,
    o: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Connection> {
    const entry = channelOfKind('local', channel);
    try {
      const wait = { timeoutMs: o.timeoutMs ?? dialTimeoutMs, signal: o.signal, platform: this.#platform };
      return this.#register(entry, 'out', await dialSocket(path, wait));
    } catch (error) {
      o.signal?.throwIfAborted();
      const failure = connectionError(error, 'connect', { channel: entry, from: this.#here, host: path, port: 0 });
      this.#meter.refuse({ channel, direction: 'out', reason: failure.code });
      throw failure;
    }
  }

  /**
   * TLS from end to end inside a relayed stream, with the same checks as over TCP. The bytes count for the connection that
   * carries them, not once more.
   */
  async secure(stream: Duplex, o: SecureOptions): Promise<Connection> {
    const entry = channelOf(o.channel);
    const ends: Ends = {
      channel: entry,
      from: this.#here,
      host: `${o.expect.role} ${o.expect.id ?? ''} (relayed)`,
      port: 0,
    };
    const timeoutMs = o.timeoutMs ?? dialTimeoutMs;
    const common = { ends, isRevoked: this.#isRevoked, connections: this.#connections, timeoutMs, signal: o.signal };
    if (o.side === 'server') {
      return await acceptSecure({ ...common, stream, identity: this.#identity(entry), expect: o.expect });
    }
    return await openConnection({
      ...common,
      target: { stream },
      identity: this.#o.identity?.(),
      caPem: undefined,
      roles: [o.expect.role],
      peerId: o.expect.id,
      claim: true,
    });
  }

  /**
   * A socket of a channel for a library that connects it by itself and begins TLS inside, as PostgreSQL's protocol wants it: not
   * yet connected. It counts from the moment at which it is.
   */
  librarySocket(channel: ChannelId): Socket {
    const entry = channelOfKind('tcp', channel);
    return librarySocket({ channel: entry, from: this.#here, meter: this.#meter, connections: this.#connections });
  }

  /** How this process used each channel since it started. */
  use(): ChannelUse[] {
    return this.#meter.use();
  }

  /** The same by direction and kind of peer, and what was refused. `ChannelHistory` adds what earlier processes counted. */
  counts(): ChannelCounts {
    return this.#meter.counts();
  }

  /** Cuts open connections of revoked certificates now, instead of at the next minute: call it when revocations arrive. */
  recheckTrust(): void {
    this.#connections.recheck();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open].map((open) => open[Symbol.asyncDispose]()));
    this.#connections[Symbol.dispose]();
  }

  readonly #onRefused = (error: HoldfastError, remoteAddress: string, channel: ChannelId): void => {
    this.#meter.refuse({ channel, direction: 'in', reason: error.code });
    this.#o.onRefused?.(toHoldfastError(error), remoteAddress);
  };

  /** A dial that fails counts, unless it was given up, or could not even begin. */
  async #tried<T>(channel: ChannelId, signal: AbortSignal | undefined, dialling: Promise<T>): Promise<T> {
    try {
      return await dialling;
    } catch (error) {
      if (!signal?.aborted && isHoldfastError(error) && error.code !== 'usage.configuration')
        this.#meter.refuse({ channel, direction: 'out', reason: error.code });
      throw error;
    }
  }

  #register(channel: Channel, direction: 'in' | 'out', stream: Duplex): Connection {
    return this.#connections.register({ stream, channel, direction, peer: undefined, port: 0 });
  }

  #identity(channel: Channel): Identity {
    const identity = this.#o.identity?.();
    if (identity) return identity;
    throw new HoldfastError('usage.configuration', {
      message: `Channel ${channel.id}: this process has no certificate to listen with.`,
      guidance: 'Enrol this computer first: `holdfast enroll`.',
      context: { channel: channel.id },
    });
  }

  #host(channels: readonly Channel[]): string {
    return channels.some(({ loopbackOnly }) => loopbackOnly) ? '127.0.0.1' : this.#o.bind;
  }

  #ends(id: ChannelId, host: string, given: number | undefined, transport: 'tcp' | 'udp' = 'tcp') {
    const port = portToDial({ id, given, transport, overrides: this.#o.overrides });
    const ends: Ends = { channel: channelOf(id), from: this.#here, host, port };
    return { ends, target: { host, port } };
  }
}

/** The one way for a process to make its connections: see {@link Wire}. */
export function createWire(options: WireOptions): Wire {
  return new Wire(options);
}
