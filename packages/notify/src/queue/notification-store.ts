import type { ErrorReport } from '@holdfast/core';
import type { NotificationEvent } from '../event.ts';

/** A notification of one event to one destination, and of a mail to one recipient. */
export interface Notification {
  /** Stays the same through all repetitions. */
  readonly id: string;
  /** Name of the destination in the configuration. Addresses and secrets are looked up there when it is sent. */
  readonly destination: string;
  readonly recipient: string | undefined;
  readonly event: NotificationEvent;
  readonly createdAt: Date;
  /** How often it was tried in vain. */
  readonly attempts: number;
  /** Why the last attempt failed. */
  readonly lastError: ErrorReport | undefined;
}

/** One that the caller is to send: nobody else gets it before the claim ends. */
export interface ClaimedNotification extends Notification {
  /** Only the store knows what it means. */
  readonly claim: string;
}

export interface WaitingNotification extends Notification {
  readonly dueAt: Date;
}

/**
 * The queue: a folder of a stand-alone agent, or the server's database. What `add` has taken survives crashes; what was sent but
 * not yet noted as sent is sent once more, with the same id.
 */
export interface NotificationStore {
  /** Durable when it resolves. `internal.limit` when too many wait. */
  add(notifications: readonly Notification[]): Promise<void>;
  /** One that is due, of those the one that is it the longest, claimed until `claimMs` from now. */
  takeDue(o: { readonly now: Date; readonly claimMs: number }): Promise<ClaimedNotification | undefined>;
  /** It has arrived. */
  done(notification: ClaimedNotification): Promise<void>;
  /** It is tried again. */
  failed(notification: ClaimedNotification, o: { readonly error: ErrorReport; readonly dueAt: Date }): Promise<void>;
  /** It is kept to be looked at, and not tried any more. */
  givenUp(notification: ClaimedNotification, o: { readonly error: ErrorReport }): Promise<void>;
  waiting(): Promise<WaitingNotification[]>;
  dead(): Promise<Notification[]>;
  /** Those that were given up, all or the ones with these ids, are due again as if they were new. Gives how many. */
  revive(o: { readonly now: Date; readonly ids?: readonly string[] | undefined }): Promise<number>;
}
