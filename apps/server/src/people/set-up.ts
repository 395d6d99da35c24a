import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '@holdfast/core';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { Vault } from '../vault.ts';
import { setUpCodeBytes, setUpSlotMs } from './limits.ts';

/**
 * The code with which somebody makes the first administrator in a browser. It comes from the vault's key and the hour: nothing is kept,
 * every instance knows it, and it is used up by the account, because it counts only while there is none. Whoever comes first to the page
 * gets nothing without it.
 */
export class SetUp {
  readonly #vault: Vault;
  readonly #clock: Clock;
  readonly #origin: () => string;

  /** `origin`: where the page is, `https://HOST[:PORT]`. */
  constructor(o: { vault: Vault; clock: Clock; origin: () => string }) {
    this.#vault = o.vault;
    this.#clock = o.clock;
    this.#origin = o.origin;
  }

  async isNeeded({ query }: TenantScope): Promise<boolean> {
    return (await query.selectFrom('accounts').select('id').limit(1).executeTakeFirst()) === undefined;
  }

  code(): { readonly code: string; readonly url: string; readonly expiresAt: string } {
    const slot = this.#slot();
    const code = this.#codeOf(slot);
    // In the fragment: no browser sends it, so that it stands in no log.
    const url = `${this.#origin()}/set-up#${code}`;
    return { code, url, expiresAt: new Date((slot + 2) * setUpSlotMs).toISOString() };
  }

  /** Takes the same time for every wrong code. */
  isGood(code: string): boolean {
    const slot = this.#slot();
    const given = sha256(code);
    const [isPresent, isFormer] = [slot, slot - 1].map((each) => timingSafeEqual(given, sha256(this.#codeOf(each))));
    return isPresent === true || isFormer === true;
  }

  #slot(): number {
    return Math.floor(this.#clock.now().getTime() / setUpSlotMs);
  }

  #codeOf(slot: number): string {
    const mac = Buffer.from(this.#vault.mac('set-up', String(slot)), 'hex');
    return mac.subarray(0, setUpCodeBytes).toString('base64url');
  }
}

/** A server that listens on its own computer alone is not found by its name there. */
export function setUpOrigin(
  config: { readonly bind: string; readonly publicUrl?: string | undefined },
  origin: string,
): string {
  if (config.publicUrl !== undefined || config.bind !== '127.0.0.1') return origin;
  return Object.assign(new URL(origin), { hostname: config.bind }).origin;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
