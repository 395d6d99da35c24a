import { timingSafeEqual } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import type { Channel, ChannelId, PortRange } from '@holdfast/contract';
import { type Clock, errnoOf, HoldfastError } from '@holdfast/core';
import type { Connection, Connections } from './connection.ts';
import { acceptTls } from './handshake.ts';
import { type Identity, identityOf } from './identity.ts';
import { maxLeaseAttempts, maxLeasePendingHandshakes, maxLeases, preambleTimeoutMs } from './limits.ts';
import { stopListening } from './listener.ts';
import { checkPeer } from './peer-check.ts';
import { bind, listeningPort } from './ports.ts';
import { sendAccepted, sendRefused } from './verdict.ts';
import { readExactly } from './waiting.ts';

/**
 * A leased port: it admits one TCP connection, from the one who holds both the nonce and the certificate, and then stops
 * listening. Preamble, inside TLS: the dialler sends `HFD1` and 32 bytes of nonce, the listener answers a verdict, and from
 * then on it is a plain byte stream in which either end may speak first.
 */

const magic = Buffer.from('HFD1', 'latin1');
const nonceBytes = 32;

export function leasePreamble(nonce: Uint8Array): Buffer {
  if (nonce.length !== nonceBytes) throw new RangeError(`a lease's nonce has ${nonceBytes} bytes, not ${nonce.length}`);
  return Buffer.concat([magic, nonce]);
}

export interface Lease extends AsyncDisposable {
  readonly port: number;
  /** The one connection; rejects with `lease.refused` when nobody came in time, too many wrong peers came, or it was disposed. */
  readonly connection: Promise<Connection>;
}

/**
 * The ports of one process that leases come from. Round-robin through the range, so that a port rests as long as possible before
 * it is used again; a port is never handed out while its lease, or the connection that came of it, is open.
 */
export class LeasePorts {
  readonly #taken = new Set<number>();
  readonly #next = new Map<string, number>();
  #leases = 0;

  /** Binds the next free port of the range; `lease.none` when there is none. */
  async bind(o: {
    channel: Channel;
    range: PortRange;
    host: string;
    onSocket: (socket: Socket) => void;
  }): Promise<{ server: Server; port: number; release: () => void }> {
    const { from, to } = o.range;
    const none = (why: string): HoldfastError =>
      new HoldfastError('lease.none', {
        message: `Channel ${o.channel.id}: no port of ${from} to ${to} on ${o.host} can be leased: ${why}.`,
        context: { channel: o.channel.id, host: o.host, from, to },
      });
    if (this.#leases >= maxLeases) throw none(`${maxLeases} are open already`);
    this.#leases += 1;
    const key = `${from}-${to}`;
    const reasons = new Map<string, number>();
    for (let tried = 0; tried <= to - from; tried += 1) {
      const wanted = this.#next.get(key) ?? from;
      this.#next.set(key, wanted >= to ? from : wanted + 1);
      if (wanted !== 0 && this.#taken.has(wanted)) {
        reasons.set('leased', (reasons.get('leased') ?? 0) + 1);
        continue;
      }
      this.#taken.add(wanted);
      try {
        const server = await bind({
          host: o.host,
          port: wanted,
          onSocket: o.onSocket,
          backlog: maxLeasePendingHandshakes,
        });
        const port = listeningPort(server);
        if (wanted === 0) this.#taken.delete(wanted);
        this.#taken.add(port);
        let held = true;
        const release = (): void => {
          if (!held) return;
          held = false;
          this.#taken.delete(port);
          this.#leases -= 1;
        };
        return { server, port, release };
      } catch (error) {
        this.#taken.delete(wanted);
        const code = errnoOf(error) ?? 'unknown';
        reasons.set(code, (reasons.get(code) ?? 0) + 1);
        if (code === 'EADDRNOTAVAIL') break;
      }
    }
    this.#leases -= 1;
    throw none([...reasons].map(([why, count]) => `${count} ${why}`).join(', '));
  }
}

export interface LeaseOptions {
  readonly channel: Channel;
  readonly range: PortRange;
  readonly host: string;
  readonly here: string;
  readonly nonce: Uint8Array;
  readonly fingerprint: string;
  readonly expireMs: number;
  readonly onExpire?: (() => void) | undefined;
  readonly onRefused: (error: HoldfastError, remoteAddress: string, channel: ChannelId) => void;
  readonly signal?: AbortSignal | undefined;
  readonly ports: LeasePorts;
  readonly identity: () => Identity;
  readonly isRevoked: (serial: string) => boolean;
  readonly connections: Connections;
  readonly handshakeTimeoutMs: number;
  readonly clock: Clock;
}

/** Binds a port and waits for its peer in the background. */
export async function openLease(o: LeaseOptions): Promise<Lease> {
  const preamble = leasePreamble(o.nonce);
  o.signal?.throwIfAborted();
  const over = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  // Who disposes a lease need not look at its connection; a rejection that nobody awaits is no crash.
  promise.catch(() => over.abort());
  let attempts = 0;
  let pending = 0;
  let settled = false;

  const { server, port, release } = await o.ports.bind({
    channel: o.channel,
    range: o.range,
    host: o.host,
    onSocket: (socket) => {
      socket.on('error', () => socket.destroy());
      if (settled || pending >= maxLeasePendingHandshakes) {
        socket.destroy();
        return;
      }
      pending += 1;
      attempts += 1;
      void tryPeer(socket).finally(() => {
        pending -= 1;
        if (!settled && attempts >= maxLeaseAttempts) fail(`${attempts} wrong peers came`);
      });
    },
  });

  function refusal(why: string): HoldfastError {
    return new HoldfastError('lease.refused', {
      message: `Channel ${o.channel.id}: the lease of port ${port} on ${o.here} ended without its connection: ${why}.`,
      context: { channel: o.channel.id, host: o.here, port },
    });
  }

  /** Ends the wait. The port stays taken while the connection that came of it is open. */
  async function finish(connection: Connection | undefined, reason?: unknown): Promise<void> {
    if (settled) return;
    settled = true;
    o.signal?.removeEventListener('abort', onAbort);
    if (connection) {
      resolve(connection);
      void connection.closed.then(release);
    } else {
      reject(reason);
    }
    over.abort();
    await stopListening(server);
    if (!connection) release();
  }
  const fail = (why: string): void => void finish(undefined, refusal(why));
  const onAbort = (): void => void finish(undefined, o.signal?.reason);

  async function tryPeer(raw: Socket): Promise<void> {
    const remote = (raw.remoteAddress ?? '').replace(/^::ffff:/, '');
    try {
      const identity = o.identity();
      const wait = { timeoutMs: o.handshakeTimeoutMs, signal: over.signal };
      const socket = await acceptTls(raw, { ...wait, identity, clientCertificate: 'required' });
      const check = checkPeer(
        socket,
        {
          certificate: 'required',
          roles: o.channel.certificates.from,
          installation: identityOf(identity.certificatePem).installation,
          fingerprint: o.fingerprint,
          isRevoked: o.isRevoked,
        },
        'a client certificate',
      );
      let wrong: string | undefined = check.ok ? undefined : check.what;
      if (check.ok) {
        const given = await readExactly(socket, preamble.length, { timeoutMs: preambleTimeoutMs, signal: over.signal });
        if (!timingSafeEqual(given, preamble)) wrong = 'met the right computer with a wrong nonce';
      }
      if (wrong === undefined && check.ok && !settled) {
        // Claimed before the first await, so that a second right peer, a repetition, finds it taken.
        sendAccepted(socket);
        const { channel, connections } = o;
        await finish(
          connections.register({
            stream: socket,
            channel,
            direction: 'in',
            peer: check.peer,
            caPem: identity.caPem,
            port,
          }),
        );
        return;
      }
      const error = new HoldfastError('lease.refused', {
        message: `Channel ${o.channel.id} from ${remote} to ${o.here}:${port} ${wrong ?? 'came after the lease was used'}.`,
        context: { channel: o.channel.id, from: remote, host: o.here, port },
      });
      sendRefused(socket, error, o.handshakeTimeoutMs);
      throw error;
    } catch (error) {
      if (over.signal.aborted) {
        raw.destroy();
        return;
      }
      o.onRefused(
        error instanceof HoldfastError
          ? error
          : new HoldfastError('lease.refused', {
              message: `Channel ${o.channel.id} from ${remote} to ${o.here}:${port} failed before it proved itself.`,
              cause: error,
            }),
        remote,
        o.channel.id,
      );
      if (!(error instanceof HoldfastError)) raw.destroy();
    }
  }

  if (o.signal?.aborted) onAbort();
  else o.signal?.addEventListener('abort', onAbort, { once: true });
  o.clock.sleep(o.expireMs, over.signal).then(
    () => {
      if (settled) return;
      fail(`nobody came within ${Math.round(o.expireMs / 1000)} s`);
      o.onExpire?.();
    },
    (error: unknown) => {
      if (!over.signal.aborted) throw error;
    },
  );

  return {
    port,
    connection: promise,
    [Symbol.asyncDispose]: async () => {
      if (settled) {
        const connection = await promise.catch(() => undefined);
        connection?.stream.destroy();
        await connection?.closed;
        return;
      }
      await finish(undefined, refusal('it was given up'));
    },
  };
}
