import { type Clock, HoldfastError } from '@holdfast/core';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { maxRevokedSerials } from '../limits.ts';

/** Which certificates are revoked. In memory, because every request asks; in the catalogue, because it must not be forgotten. */
export class Revocations {
  readonly #catalogue: Catalogue;
  readonly #clock: Clock;
  readonly #serials = new Set<string>();

  private constructor(catalogue: Catalogue, clock: Clock) {
    this.#catalogue = catalogue;
    this.#clock = clock;
  }

  static async open(catalogue: Catalogue, clock: Clock): Promise<Revocations> {
    const revocations = new Revocations(catalogue, clock);
    await revocations.list();
    return revocations;
  }

  isRevoked(serial: string): boolean {
    return this.#serials.has(serial);
  }

  /** Revoked serials whose certificates have not expired: what movers are told. Forgets the expired ones. */
  async list(): Promise<string[]> {
    const serials = await this.#catalogue.revokedSerials({ now: this.#clock.now(), limit: maxRevokedSerials });
    this.#serials.clear();
    for (const serial of serials) this.#serials.add(serial);
    return serials;
  }

  /** Revokes all certificates of a computer, for good. Repeating it is harmless. */
  async revokeComputer(scope: TenantScope, computerId: string): Promise<void> {
    const now = this.#clock.now().toISOString();
    await scope.transaction(async ({ query }) => {
      const computer = await query
        .selectFrom('computers')
        .select('revokedAt')
        .where('id', '=', computerId)
        .executeTakeFirst();
      if (!computer) {
        throw new HoldfastError('request.missing', { message: `There is no computer ${computerId}.` });
      }
      if (computer.revokedAt !== null) return;
      await query.updateTable('computers').set({ revokedAt: now }).where('id', '=', computerId).execute();
      await query
        .updateTable('certificates')
        .set({ revokedAt: now })
        .where('computerId', '=', computerId)
        .where('revokedAt', 'is', null)
        .execute();
    });
    await this.list();
  }
}
