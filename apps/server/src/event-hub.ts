import type { Clock } from '@holdfast/core';
import type { Computer, Run, ServerEvent } from '@holdfast/protocol';

interface TenantEvent {
  readonly tenant: string;
  readonly event: ServerEvent;
}

/**
 * Tells what happens, as it happens, within the process. Subscribers are called at once and must not wait; each has a bound
 * of its own for what it can't pass on.
 */
export class EventHub {
  readonly #clock: Clock;
  readonly #subscribers = new Set<(event: TenantEvent) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  publishRun(tenant: string, run: Run): void {
    this.#publish(tenant, { kind: 'run', at: this.#clock.now().toISOString(), run });
  }

  publishComputer(tenant: string, computer: Computer): void {
    this.#publish(tenant, { kind: 'computer', at: this.#clock.now().toISOString(), computer });
  }

  /** Events of one tenant until disposed. */
  subscribe(tenant: string, listener: (event: ServerEvent) => void): Disposable {
    const subscriber = (published: TenantEvent): void => {
      if (published.tenant === tenant) listener(published.event);
    };
    this.#subscribers.add(subscriber);
    return { [Symbol.dispose]: () => void this.#subscribers.delete(subscriber) };
  }

  #publish(tenant: string, event: ServerEvent): void {
    for (const subscriber of this.#subscribers) subscriber({ tenant, event });
  }
}
