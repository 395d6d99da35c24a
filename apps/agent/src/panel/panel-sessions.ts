import { createHash, randomBytes } from 'node:crypto';
import { type Clock, HoldfastError } from '@holdfast/core';
import { sameText } from '@holdfast/protocol';
import { maxPanelLinks, maxPanelSessions, panelIdleMs, panelSessionMs } from '../limits.ts';
import { readPanelLink } from './panel-link.ts';

interface Session {
  readonly keyDigest: string;
  readonly beganMs: number;
  usedMs: number;
}

/**
 * Who is in the control panel, in memory alone. A session has two halves: a cookie, which no script can read, and a key that the page
 * keeps for its own origin. Browsers send a cookie to every port of a host, so that whoever gets somebody to open another port of this
 * computer has the cookie; and a page's own storage is open to its scripts. Neither half is enough.
 */
export class PanelSessions {
  /** What links are made with. */
  readonly linkKey = randomBytes(32);
  readonly #clock: Clock;
  /** Links that were used, until they would have expired. */
  readonly #used = new Map<string, number>();
  /** By the digest of the cookie; the oldest first. */
  readonly #sessions = new Map<string, Session>();

  constructor(o: { readonly clock: Clock }) {
    this.#clock = o.clock;
  }

  /** Throws `panel.link` for one that is wrong, used up or expired. */
  signIn(link: string): { readonly cookie: string; readonly key: string } {
    const now = this.#clock.now();
    for (const [claim, expiresMs] of this.#used) if (expiresMs <= now.getTime()) this.#used.delete(claim);
    const known = readPanelLink(link, { key: this.linkKey, now });
    if (!known || this.#used.has(known.claim) || this.#used.size >= maxPanelLinks)
      throw new HoldfastError('panel.link');
    this.#used.set(known.claim, known.expiresMs);
    const [cookie, key] = [randomBytes(32).toString('base64url'), randomBytes(32).toString('base64url')];
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size >= maxPanelSessions && oldest !== undefined) this.#sessions.delete(oldest);
    const nowMs = this.#clock.monotonicMs();
    this.#sessions.set(digestOf(cookie), { keyDigest: digestOf(key), beganMs: nowMs, usedMs: nowMs });
    return { cookie, key };
  }

  /** `byPerson`: somebody is there. What a page asks by itself keeps no session alive. */
  admits(o: { readonly cookie: string; readonly key: string; readonly byPerson: boolean }): boolean {
    const id = digestOf(o.cookie);
    const session = this.#sessions.get(id);
    if (!session) return false;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - session.usedMs >= panelIdleMs || nowMs - session.beganMs >= panelSessionMs) {
      this.#sessions.delete(id);
      return false;
    }
    if (!sameText(session.keyDigest, digestOf(o.key))) return false;
    if (o.byPerson) session.usedMs = nowMs;
    return true;
  }

  /** Somebody signed in with this cookie, and has not left. */
  knows(cookie: string): boolean {
    return this.#sessions.has(digestOf(cookie));
  }

  signOut(cookie: string): void {
    this.#sessions.delete(digestOf(cookie));
  }
}

/** What is kept of a secret. */
export function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}
