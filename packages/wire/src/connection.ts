import type { X509Certificate } from 'node:crypto';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Channel, ChannelId } from '@holdfast/contract';
import { type Clock, HoldfastError } from '@holdfast/core';
import type { PeerIdentity } from './identity.ts';
import { revocationCheckIntervalMs } from './limits.ts';
import type { Meter } from './meter.ts';

/** An open, verified connection along a channel. Destroying `stream` ends it. */
export interface Connection {
  readonly stream: Duplex;
  /** Who the other end is; undefined for one that came without a certificate. */
  readonly peer: PeerIdentity | undefined;
  /**
   * What the dialler of an accepted connection has shown, whoever issued it: TLS has proved that its key is there, and nothing more.
   * Neither its time nor its issuer is checked unless `peer` says so.
   */
  readonly certificate: X509Certificate | undefined;
  readonly channel: ChannelId;
  /** 0 for local sockets and for TLS within a relayed stream. */
  readonly localPort: number;
  /** Ours; empty for local sockets and for TLS within a relayed stream. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The root that the other end was verified against: what a joiner keeps. */
  readonly caPem: string | undefined;
  /** Counts it as of that channel, where what was asked for inside tells which of a port's it is. */
  countAs(channel: ChannelId): void;
  /** Throws `channel.revoked` once the peer's certificate is revoked or expired. HTTP servers ask at each request. */
  assertTrusted(): void;
  /** Resolves when the connection is closed, with the error that ended it, if one did. */
  readonly closed: Promise<Error | undefined>;
}

/** Content that went over the stream of a connection until now, without TLS's own bytes; nothing where it is no socket. */
export function transferredOver(stream: Duplex): { readonly sentBytes: number; readonly receivedBytes: number } {
  return stream instanceof Socket
    ? { sentBytes: stream.bytesWritten, receivedBytes: stream.bytesRead }
    : { sentBytes: 0, receivedBytes: 0 };
}

export interface Registration {
  readonly stream: Duplex;
  readonly channel: Channel;
  readonly direction: 'in' | 'out';
  readonly peer: PeerIdentity | undefined;
  readonly certificate?: X509Certificate | undefined;
  readonly caPem?: string | undefined;
  /** The listening port; 0 for local sockets. */
  readonly port: number;
  /** False for TLS inside a relayed stream, whose bytes the carrying connection counts. */
  readonly counted?: boolean;
}

/** All open connections of a process: counts them, and cuts those whose peer's certificate is revoked or has expired. */
export class Connections implements Disposable {
  readonly #open = new Map<Duplex, Connection>();
  readonly #meter: Meter;
  readonly #clock: Clock;
  readonly #isRevoked: (serial: string) => boolean;
  #watch: AbortController | undefined;

  constructor(o: { meter: Meter; clock: Clock; isRevoked: (serial: string) => boolean }) {
    this.#meter = o.meter;
    this.#clock = o.clock;
    this.#isRevoked = o.isRevoked;
  }

  get size(): number {
    return this.#open.size;
  }

  register(r: Registration): Connection {
    const { stream, peer } = r;
    const socket = stream instanceof Socket ? stream : undefined;
    const { direction, port } = r;
    const counting =
      socket && r.counted !== false
        ? this.#meter.open({
            ...{ direction, port, socket, peer: peer?.role ?? 'none' },
            channel: r.channel.id,
          })
        : undefined;
    let failure: Error | undefined;
    // Without a listener an error after the last reader has gone would end the process.
    stream.on('error', (error) => {
      failure ??= error;
    });
    const closed = new Promise<Error | undefined>((resolve) => {
      const onClose = (): void => {
        counting?.end();
        this.#open.delete(stream);
        if (this.#open.size === 0) this.#stopWatch();
        resolve(failure);
      };
      if (stream.closed) onClose();
      else stream.once('close', onClose);
    });
    const connection: Connection = {
      stream,
      peer,
      certificate: r.certificate,
      channel: r.channel.id,
      localPort: socket?.localPort ?? 0,
      localAddress: (socket?.localAddress ?? '').replace(/^::ffff:/, ''),
      remoteAddress: (socket?.remoteAddress ?? '').replace(/^::ffff:/, ''),
      remotePort: socket?.remotePort ?? 0,
      caPem: r.caPem,
      countAs: (channel) => counting?.moveTo(channel),
      closed,
      assertTrusted: () => this.#assertTrusted(peer, r.channel),
    };
    if (!stream.closed) {
      this.#open.set(stream, connection);
      if (!this.#watch) this.#startWatch();
    }
    return connection;
  }

  #assertTrusted(peer: PeerIdentity | undefined, channel: Channel): void {
    if (!peer) return;
    const expired = peer.expiresAt <= this.#clock.now();
    if (!expired && !this.#isRevoked(peer.serial)) return;
    throw new HoldfastError('channel.revoked', {
      message: `Channel ${channel.id}: the certificate ${peer.serial} of ${peer.role} ${peer.id} ${expired ? 'has expired' : 'has been revoked'}.`,
      context: { channel: channel.id, role: peer.role, id: peer.id, serial: peer.serial },
    });
  }

  /** Runs only while something is open, so that it never keeps a process alive by itself. */
  #startWatch(): void {
    const watch = new AbortController();
    this.#watch = watch;
    const run = async (): Promise<void> => {
      while (!watch.signal.aborted) {
        await this.#clock.sleep(revocationCheckIntervalMs, watch.signal);
        this.recheck();
      }
    };
    run().catch((error: unknown) => {
      if (!watch.signal.aborted) throw error;
    });
  }

  #stopWatch(): void {
    this.#watch?.abort();
    this.#watch = undefined;
  }

  /** Cuts every open connection whose peer is no longer trusted. Call it as well when revocations arrive. */
  recheck(): void {
    for (const connection of [...this.#open.values()]) {
      try {
        connection.assertTrusted();
      } catch (error) {
        connection.stream.destroy(error instanceof Error ? error : undefined);
      }
    }
  }

  [Symbol.dispose](): void {
    for (const stream of [...this.#open.keys()]) stream.destroy();
    this.#stopWatch();
  }
}
