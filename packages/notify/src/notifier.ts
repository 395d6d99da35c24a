import { randomUUID } from 'node:crypto';
import { type Clock, HoldfastError, hasCode, toHoldfastError } from '@holdfast/core';
import { type Destination, type NotifyConfig, recipientsOf } from './configuration.ts';
import type { NotificationEvent } from './event.ts';
import { claimMs, firstRetryMs, giveUpAfterMs, longestRetryMs, sendTimeoutMs } from './limits.ts';
import type { ClaimedNotification, Notification, NotificationStore } from './queue/notification-store.ts';
import { destinationsOf } from './rules.ts';
import type { Sender, SenderContext } from './senders/sender.ts';
import { senderFor } from './senders/senders.ts';

/** What became of one notification in one attempt. */
export interface Attempt {
  readonly notification: Notification;
  readonly result:
    | { readonly kind: 'sent' }
    | { readonly kind: 'postponed'; readonly dueAt: Date; readonly error: HoldfastError }
    | { readonly kind: 'given-up'; readonly error: HoldfastError };
}

/** Puts events into the queue by the rules, and takes to their destinations what is due. */
export class Notifier {
  readonly #config: Pick<NotifyConfig, 'destinations' | 'rules' | 'dailySummary'>;
  readonly #store: NotificationStore;
  readonly #context: SenderContext;
  readonly #clock: Clock;
  /** Kept, because senders remember their access tokens. */
  readonly #senders = new Map<string, Sender>();

  constructor(o: {
    readonly config: Pick<NotifyConfig, 'destinations' | 'rules' | 'dailySummary'>;
    readonly store: NotificationStore;
    readonly context: SenderContext;
  }) {
    this.#config = o.config;
    this.#store = o.store;
    this.#context = o.context;
    this.#clock = o.context.clock;
  }

  /** Durable when it resolves; nothing is sent yet. Gives how many notifications the event makes. */
  async report(event: NotificationEvent): Promise<number> {
    const createdAt = this.#clock.now();
    const notifications = destinationsOf(event, this.#config).flatMap((name) => {
      const destination = this.#config.destinations[name];
      if (!destination) return [];
      return recipientsOf(destination).map((recipient) => ({
        ...{ id: randomUUID(), destination: name, recipient, event, createdAt },
        attempts: 0,
        lastError: undefined,
      }));
    });
    if (notifications.length > 0) await this.#store.add(notifications);
    return notifications.length;
  }

  /**
   * Sends what is due, one after the other, until nothing is, the signal aborts or `limitMs` are over; what was not tried stays due.
   * Never throws because of a destination.
   */
  async deliver(o: {
    readonly signal: AbortSignal;
    readonly limitMs?: number;
    readonly onAttempt?: (attempt: Attempt) => void;
  }): Promise<void> {
    /** A destination that can't be reached is not waited for again and again. */
    const down = new Map<string, HoldfastError>();
    const untilMs = this.#clock.monotonicMs() + (o.limitMs ?? Number.POSITIVE_INFINITY);
    while (!o.signal.aborted && this.#clock.monotonicMs() < untilMs) {
      const notification = await this.#store.takeDue({ now: this.#clock.now(), claimMs });
      if (!notification) return;
      const result = await this.#attempt(notification, down, o.signal);
      if (result) o.onAttempt?.({ notification, result });
    }
  }

  /** Undefined: it was broken off, and is due again when its claim ends. */
  async #attempt(
    notification: ClaimedNotification,
    down: Map<string, HoldfastError>,
    signal: AbortSignal,
  ): Promise<Attempt['result'] | undefined> {
    let error: HoldfastError | undefined;
    try {
      // Also where it is not tried now: what nobody is to get any more is given up.
      this.#destinationOf(notification);
      error = down.get(notification.destination);
      if (!error) await this.send(notification, signal);
    } catch (thrown) {
      if (signal.aborted) return undefined;
      error = toHoldfastError(thrown);
    }
    if (!error) {
      await this.#store.done(notification);
      return { kind: 'sent' };
    }
    const isRefused = hasCode(error, 'notify.refused');
    // These speak of one message; everything else of the way there.
    if (!isRefused && !hasCode(error, 'notify.deferred')) down.set(notification.destination, error);
    const dueAt = new Date(this.#clock.now().getTime() + retryDelayMs(notification, error));
    const isOver = dueAt.getTime() > notification.createdAt.getTime() + giveUpAfterMs;
    if (isOver || isRefused) {
      await this.#store.givenUp(notification, { error: error.toJSON() });
      return { kind: 'given-up', error };
    }
    await this.#store.failed(notification, { error: error.toJSON(), dueAt });
    return { kind: 'postponed', dueAt, error };
  }

  /** Sends one at once, around the queue: for trials. Throws why it could not be sent. */
  async send(
    outgoing: Pick<Notification, 'id' | 'destination' | 'recipient' | 'event'>,
    signal: AbortSignal,
  ): Promise<void> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(sendTimeoutMs)]);
    await this.#senderOf(outgoing).send(outgoing, limited);
  }

  #senderOf(outgoing: Pick<Notification, 'destination' | 'recipient'>): Sender {
    const destination = this.#destinationOf(outgoing);
    const known = this.#senders.get(outgoing.destination);
    if (known) return known;
    const sender = senderFor(destination, this.#context);
    this.#senders.set(outgoing.destination, sender);
    return sender;
  }

  /** What waits is sent to nobody whom the configuration has left out since: `notify.refused`. */
  #destinationOf({ destination: name, recipient }: Pick<Notification, 'destination' | 'recipient'>): Destination {
    const destination = Object.hasOwn(this.#config.destinations, name) ? this.#config.destinations[name] : undefined;
    if (destination && recipientsOf(destination).includes(recipient)) return destination;
    throw new HoldfastError('notify.refused', {
      message: destination
        ? `Destination ${name} has no recipient ${recipient ?? ''} any more.`
        : `There is no destination ${name} any more.`,
      guidance: 'Add it to the configuration again, then `holdfast notify retry`.',
    });
  }
}

/** Twice the last time at each attempt, and up to a quarter more, so that what failed together is not repeated together. */
function retryDelayMs({ id, attempts }: Notification, error: HoldfastError): number {
  const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(attempts, 30));
  const share = Number.parseInt(id.slice(0, 2), 16) / 255 / 4;
  const asked = error.context['retryAfterMs'];
  return Math.max(delayMs * (1 + share), typeof asked === 'number' ? Math.min(asked, longestRetryMs) : 0);
}
