import { randomBytes } from 'node:crypto';
import { type ChannelId, channel, isChannelId } from '@holdfast/contract';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import type { DialRequest, LeaseAnswer } from '@holdfast/protocol';
import type { Connection, Lease, Wire } from '@holdfast/wire';
import type { Session } from './session.ts';
import { isThisComputer } from './this-computer.ts';

type Serve = (connection: Connection, session: Session) => void;

/** The data channels of sessions: leased here and dialled by the agent, or leased there and dialled by the mover. */
export class DataChannels {
  readonly #wire: Wire;
  readonly #serve: Serve;
  readonly #platform: NodeJS.Platform;
  readonly #onFailure: (error: HoldfastError) => void;

  constructor(options: {
    wire: Wire;
    serve: Serve;
    onFailure: (error: HoldfastError) => void;
    platform?: NodeJS.Platform;
  }) {
    this.#wire = options.wire;
    this.#serve = options.serve;
    this.#onFailure = options.onFailure;
    this.#platform = options.platform ?? process.platform;
  }

  /**
   * Leases ports to the session's computer: of the loopback channel when it is this computer. All or none. `lease.none` when the
   * range or the session's share is used up, `firewall.lease` when this computer's firewall can't be opened for them.
   */
  async lease(session: Session, count: number, remoteAddress: string): Promise<LeaseAnswer> {
    const id = this.#channelFor(remoteAddress);
    const opened: { lease: Lease; nonce: Buffer }[] = [];
    try {
      for (let made = 0; made < count; made += 1) opened.push(await this.#open(session, id, remoteAddress));
    } catch (error) {
      await Promise.all(opened.map(({ lease }) => lease[Symbol.asyncDispose]()));
      throw error;
    }
    return {
      channel: id,
      leases: opened.map(({ lease, nonce }) => ({ port: lease.port, nonce: nonce.toString('base64url') })),
    };
  }

  async #open(session: Session, id: ChannelId, peer: string): Promise<{ lease: Lease; nonce: Buffer }> {
    session.over.throwIfAborted();
    const place = session.takeChannel();
    const nonce = randomBytes(32);
    try {
      const lease = await this.#wire.lease(id, { nonce, fingerprint: session.fingerprint, peer, signal: session.over });
      void this.#follow(lease.connection, session, place);
      return { lease, nonce };
    } catch (error) {
      place[Symbol.dispose]();
      throw error;
    }
  }

  /** Dials a port that the session's computer has leased; the mover is the HTTP server on it all the same. */
  async dial(session: Session, request: DialRequest): Promise<void> {
    const id = dialledChannel(request.channel);
    if (request.fingerprint !== session.fingerprint)
      throw new HoldfastError('request.invalid', {
        message: 'The certificate to expect is not that of the session.',
      });
    session.over.throwIfAborted();
    const place = session.takeChannel();
    const connecting = this.#wire.dialLease(id, request.host, request.port, {
      nonce: Buffer.from(request.nonce, 'base64url'),
      fingerprint: session.fingerprint,
      signal: session.over,
    });
    void this.#follow(connecting, session, place);
    await connecting;
  }

  /** Serves a connection until it or its session ends. */
  async #follow(connecting: Promise<Connection>, session: Session, place: Disposable): Promise<void> {
    using _place = place;
    try {
      const connection = await connecting;
      const { channel: along, remoteAddress, localPort, remotePort } = connection;
      session.note(
        'info',
        `Data channel ${along} with ${remoteAddress}, ports ${localPort} here and ${remotePort} there`,
      );
      const cut = (): void => void connection.stream.destroy();
      session.over.addEventListener('abort', cut, { once: true });
      try {
        if (session.over.aborted) cut();
        else this.#serve(connection, session);
        await connection.closed;
      } finally {
        session.over.removeEventListener('abort', cut);
      }
    } catch (error) {
      // A lease that nobody used, or a dial whose caller is told as well.
      if (session.over.aborted) return;
      const failure = toHoldfastError(error);
      session.note('warning', `A data channel came to nothing: ${failure.message}`);
      this.#onFailure(failure);
    }
  }

  #channelFor(remoteAddress: string): ChannelId {
    if (!isThisComputer(remoteAddress)) return 'agent-to-mover-data';
    return this.#platform === 'win32' ? 'windows-agent-local-data' : 'agent-local-data';
  }
}

/** Only channels of the contract that a mover dials to data ports: the request comes from outside. */
function dialledChannel(id: string): ChannelId {
  if (isChannelId(id)) {
    const { busy, processes } = channel(id);
    const fits = busy.kind === 'onePortPerConnection' && processes.from.includes('mover');
    if (fits) return id;
  }
  throw new HoldfastError('channel.unknown', {
    message: `${id.slice(0, 100)} is not a channel along which a mover dials data ports.`,
  });
}
