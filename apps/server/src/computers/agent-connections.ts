import type { Duplex } from 'node:stream';
import type { ChannelId } from '@holdfast/contract';
import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import { CallPeer, type Handlers, type Hello, type TaskMethods, taskMethods } from '@holdfast/protocol';
import type { PeerIdentity } from '@holdfast/wire';
import type { Logger } from 'pino';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { NoticeReference } from '../catalogue/notices.ts';
import { controlCallTimeoutMs } from '../limits.ts';
import { withTimeLimit } from '../time-limit.ts';
import { forgetHolder, recordHello } from './computers.ts';
import type { Presence } from './presence.ts';

/** A connection to an agent over which tasks can be run. */
export interface AgentPeer {
  readonly peer: CallPeer<TaskMethods>;
  /** The certificate that the agent showed on it. */
  readonly identity: PeerIdentity;
  readonly channel: ChannelId;
  /** `out`: the server dialled. The port is where was listened. */
  readonly place: { readonly direction: 'in' | 'out'; readonly address: string; readonly port: number };
}

interface HeldConnection extends Omit<AgentPeer, 'peer'> {
  readonly stream: Duplex;
  readonly tenant: string;
}

interface Held extends AgentPeer {
  readonly tenant: string;
}

interface Waiter {
  readonly agentId: string;
  readonly resolve: (held: AgentPeer) => void;
}

/** The connections that agents hold open on 10005 and 10006: the carrier that always works, and the sign of presence. */
export class AgentConnections implements AsyncDisposable {
  readonly #catalogue: Catalogue;
  readonly #instance: string;
  readonly #presence: Presence;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ownHello: () => Hello;
  readonly #serve: (o: { tenant: string; identity: PeerIdentity }) => Handlers<TaskMethods>;
  readonly #tellOthers: (reference: NoticeReference) => void;
  readonly #onHeld: () => void;
  readonly #held = new Map<string, Held>();
  readonly #waiters = new Set<Waiter>();
  readonly #holding = new Set<Promise<void>>();

  constructor(o: {
    catalogue: Catalogue;
    /** This instance of the server. */
    instance: string;
    presence: Presence;
    clock: Clock;
    logger: Logger;
    ownHello: () => Hello;
    /** What agents may ask for. */
    serve: (o: { tenant: string; identity: PeerIdentity }) => Handlers<TaskMethods>;
    /** The other instances. */
    tellOthers: (reference: NoticeReference) => void;
    /** An agent has connected. */
    onHeld: () => void;
  }) {
    this.#catalogue = o.catalogue;
    this.#instance = o.instance;
    this.#presence = o.presence;
    this.#clock = o.clock;
    this.#logger = o.logger;
    this.#ownHello = o.ownHello;
    this.#serve = o.serve;
    this.#tellOthers = o.tellOthers;
    this.#onHeld = o.onHeld;
  }

  /** Takes over a stream that speaks the task protocol from now on. Resolves when the connection is over. */
  hold(o: HeldConnection): Promise<void> {
    const holding = this.#hold(o).finally(() => this.#holding.delete(holding));
    this.#holding.add(holding);
    return holding;
  }

  async #hold(o: HeldConnection): Promise<void> {
    const { identity, tenant } = o;
    await using peer = new CallPeer({
      stream: o.stream,
      methods: taskMethods,
      handlers: this.#serve({ tenant, identity }),
      clock: this.#clock,
    });
    await this.greet({ peer, tenant, agentId: identity.id });
    const held: Held = { peer, tenant, identity, channel: o.channel, place: o.place };
    const earlier = this.#held.get(identity.id);
    this.#held.set(identity.id, held);
    try {
      // The agent has called again, so what it held before is dead even if our side has not noticed.
      if (earlier) await earlier.peer[Symbol.asyncDispose]();
      await this.#presence.seen(tenant, identity.id, this.#instance);
      this.#logger.info({ agent: identity.id, channel: o.channel }, 'agent connected');
      for (const waiter of [...this.#waiters]) if (waiter.agentId === identity.id) waiter.resolve(held);
      this.#onHeld();
      await peer.closed;
      this.#logger.info({ agent: identity.id }, 'agent disconnected');
    } finally {
      await this.#forget(held);
    }
  }

  async #forget(held: Held): Promise<void> {
    const { tenant, identity } = held;
    if (this.#held.get(identity.id) !== held) return;
    this.#held.delete(identity.id);
    await forgetHolder(this.#catalogue.tenant(tenant), identity.id, this.#instance);
    // It may have come back meanwhile, and that was written before.
    if (this.#held.has(identity.id)) await this.#presence.seen(tenant, identity.id, this.#instance);
    else await this.#presence.gone(tenant, identity.id);
  }

  /** The first exchange on every task connection: versions, and the ports that the agent really listens on. */
  async greet(o: { peer: CallPeer<TaskMethods>; tenant: string; agentId: string }): Promise<void> {
    const answer = await withTimeLimit({
      clock: this.#clock,
      limitMs: controlCallTimeoutMs,
      expired: () =>
        new HoldfastError('run.timeout', { message: `Agent ${o.agentId} did not answer the first message.` }),
      work: (signal) => o.peer.call('hello', this.#ownHello(), { signal }),
    });
    await recordHello(this.#catalogue.tenant(o.tenant), o.agentId, answer);
  }

  held(agentId: string): AgentPeer | undefined {
    return this.#held.get(agentId);
  }

  /** The held connection, now or when the agent calls in. Rejects with the signal's reason. */
  async wait(agentId: string, signal: AbortSignal): Promise<AgentPeer> {
    signal.throwIfAborted();
    const held = this.#held.get(agentId);
    if (held) return held;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        agentId,
        resolve: (peer) => {
          settle();
          resolve(peer);
        },
      };
      const onAbort = (): void => {
        settle();
        reject(signal.reason);
      };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Tells agents that their policies may have changed, also those of other instances. Others ask at their next contact. */
  tellPoliciesChanged(tenant: string, agents: Iterable<string>): void {
    for (const id of agents)
      if (this.#held.has(id)) this.lookAtPolicies(id);
      else this.#tellOthers({ tenant, kind: 'policies', id });
  }

  /** Asks an agent, if it is connected here, to look at its policies. */
  lookAtPolicies(agentId: string): void {
    this.#held
      .get(agentId)
      ?.peer.call('policies.look', {})
      .catch((error: unknown) => this.#logger.debug({ agent: agentId, error: toHoldfastError(error) }, 'not told'));
  }

  /** Cuts the connection of an agent whose certificate has been revoked. */
  async drop(agentId: string): Promise<void> {
    await this.#held.get(agentId)?.peer[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#held.values()].map((held) => held.peer[Symbol.asyncDispose]()));
    await Promise.allSettled(this.#holding);
  }
}
