import { randomBytes } from 'node:crypto';
import { type Clock, HoldfastError } from '@holdfast/core';
import type { PanelParams } from '@holdfast/protocol';
import { maxPanelTickets, panelTicketMs } from '../limits.ts';
import { digestOf } from './panel-sessions.ts';

interface Ticket {
  readonly cookieDigest: string;
  readonly what: PanelParams<'download'>;
  readonly expiresMs: number;
}

/**
 * Downloads that were asked for: a browser saves only what it fetches by itself, and then sends the cookie alone, which is half of a
 * session. The ticket stands for the other half, once.
 */
export class PanelTickets {
  readonly #clock: Clock;
  /** By the digest of the ticket; the oldest first. */
  readonly #tickets = new Map<string, Ticket>();

  constructor(o: { readonly clock: Clock }) {
    this.#clock = o.clock;
  }

  give(cookie: string, what: PanelParams<'download'>): string {
    const [oldest] = this.#tickets.keys();
    if (this.#tickets.size >= maxPanelTickets && oldest !== undefined) this.#tickets.delete(oldest);
    const ticket = randomBytes(32).toString('base64url');
    const expiresMs = this.#clock.monotonicMs() + panelTicketMs;
    this.#tickets.set(digestOf(ticket), { cookieDigest: digestOf(cookie), what, expiresMs });
    return ticket;
  }

  /** Throws `auth.required` for one that is wrong, another browser's, used or too old. */
  take(ticket: string, cookie: string): PanelParams<'download'> {
    const id = digestOf(ticket);
    const known = this.#tickets.get(id);
    if (known?.cookieDigest !== digestOf(cookie) || known.expiresMs <= this.#clock.monotonicMs())
      throw new HoldfastError('auth.required', { guidance: 'Ask for the download again in the control panel.' });
    this.#tickets.delete(id);
    return known.what;
  }
}
