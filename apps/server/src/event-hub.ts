import type { Clock } from '@holdfast/core';
import type { Computer, Run, ServerEvent, Session } from '@holdfast/protocol';

/** What happened, without what: where the other instances find it. */
export interface EventReference {
  readonly tenant: string;
  /** `queued` is a run that waits, perhaps for an agent that is connected to another instance. */
  readonly kind: ServerEvent['kind'] | 'log' | 'queued';
  readonly id: string;
}

export interface EventListener {
  readonly onEvent: (event: ServerEvent) => void;
  /** There are new lines in the log of a run. */
  readonly onLog?: (runId: string) => void;
  /** Events of other instances may have been missed: what depends on them is read again. */
  readonly onGap?: () => void;
  /** Only runs of this instance are of interest: others see to theirs. */
  readonly onlyOwnRuns?: boolean;
}

/**
 * Tells what happens, as it happens, within the process, and the other instances that something did. Subscribers are called at once
 * and must not wait; each has a bound of its own for what it can't pass on.
 */
export class EventHub {
  readonly #clock: Clock;
  readonly #tellOthers: (reference: EventReference) => void;
  readonly #subscribers = new Map<EventListener, string>();

  constructor(clock: Clock, tellOthers: (reference: EventReference) => void = () => undefined) {
    this.#clock = clock;
    this.#tellOthers = tellOthers;
  }

  publishRun(tenant: string, run: Run): void {
    this.#publish(tenant, { kind: 'run', at: this.#clock.now().toISOString(), run });
    this.#tellOthers({ tenant, kind: run.state === 'queued' ? 'queued' : 'run', id: run.id });
  }

  /** `load` is asked only if somebody here listens: a fleet that comes back is announced by the thousand. */
  async publishComputer(tenant: string, id: string, load: () => Promise<Computer>): Promise<void> {
    if (this.isHeard(tenant)) this.relayComputer(tenant, await load());
    this.#tellOthers({ tenant, kind: 'computer', id });
  }

  /** Somebody here listens to more than the runs of this instance. */
  isHeard(tenant: string): boolean {
    return this.#subscribers
      .entries()
      .some(([{ onlyOwnRuns }, subscribed]) => subscribed === tenant && onlyOwnRuns !== true);
  }

  /** What another instance told of, as the catalogue has it by now. Not told any further. */
  relayRun(tenant: string, run: Run): void {
    this.#publish(tenant, { kind: 'run', at: this.#clock.now().toISOString(), run });
  }

  relayComputer(tenant: string, computer: Computer): void {
    this.#publish(tenant, { kind: 'computer', at: this.#clock.now().toISOString(), computer });
  }

  publishLog(tenant: string, runId: string): void {
    this.relayLog(tenant, runId);
    this.#tellOthers({ tenant, kind: 'log', id: runId });
  }

  relayLog(tenant: string, runId: string): void {
    for (const [subscriber, subscribed] of this.#subscribers) if (subscribed === tenant) subscriber.onLog?.(runId);
  }

  gap(): void {
    for (const subscriber of [...this.#subscribers.keys()]) subscriber.onGap?.();
  }

  publishSession(tenant: string, session: Session): void {
    this.relaySession(tenant, session);
    this.#tellOthers({ tenant, kind: 'session', id: session.id });
  }

  relaySession(tenant: string, session: Session): void {
    this.#publish(tenant, { kind: 'session', at: this.#clock.now().toISOString(), session });
  }

  /** Events of one tenant until disposed. */
  subscribe(tenant: string, listener: EventListener | EventListener['onEvent']): Disposable {
    const subscriber: EventListener = typeof listener === 'function' ? { onEvent: listener } : { ...listener };
    this.#subscribers.set(subscriber, tenant);
    return { [Symbol.dispose]: () => void this.#subscribers.delete(subscriber) };
  }

  #publish(tenant: string, event: ServerEvent): void {
    for (const [subscriber, subscribed] of this.#subscribers) if (subscribed === tenant) subscriber.onEvent(event);
  }
}
