import { createHash } from 'node:crypto';
import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import type { Route } from '@holdfast/protocol';
import { z } from 'zod';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { idempotencyLifetimeMs, maxIdempotentRequests } from '../limits.ts';
import type { Caller } from '../people/caller.ts';
import type { Vault } from '../vault.ts';
import { type Asked, checkRights, type RouteAnswer } from './route-runner.ts';

export const idempotencyHeader = 'idempotency-key';

const ownerCharacters = 16;
const keyForm = /^[!-~]{8,200}$/;
const storedAnswer = z.object({ status: z.union([z.literal(200), z.literal(202)]), body: z.unknown() });

/**
 * Requests with an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): done once, however often they come within a
 * day; whoever repeats one gets the first answer. Answers may hold secrets that are shown once, so they are sealed, and only the
 * credential that asked gets them again, while it may still ask.
 */
export class Idempotency {
  readonly #catalogue: Catalogue;
  readonly #vault: Vault;
  readonly #clock: Clock;

  constructor(o: { catalogue: Catalogue; vault: Vault; clock: Clock }) {
    this.#catalogue = o.catalogue;
    this.#vault = o.vault;
    this.#clock = o.clock;
  }

  /**
   * Throws `request.invalid` for a key that is none or was used for another request, and `request.conflict` while the first one
   * is under way, or when nobody knows how it ended because the server was stopped in it.
   */
  async once(o: {
    key: string;
    route: Route;
    asked: Asked;
    run: () => Promise<RouteAnswer>;
    /** Called before an answer is given again. */
    onRepeated: () => Promise<void>;
  }): Promise<RouteAnswer> {
    const { route, asked } = o;
    if (!keyForm.test(o.key))
      throw new HoldfastError('request.invalid', {
        message: 'The Idempotency-Key is not valid: 8 to 200 printable characters without spaces.',
      });
    const scope = this.#catalogue.tenant(asked.caller.tenant);
    // By whose it is first, so that those of one person can be counted.
    const owner = sha256(['owner', asked.caller.actor]).slice(0, ownerCharacters);
    const id = `${owner}${sha256(['key', ownerOf(asked.caller), o.key])}`;
    const requestHash = sha256(['request', route.id, asked.params, asked.query, asked.body]);
    await this.#makeRoom(scope, owner);
    const { numInsertedOrUpdatedRows } = await scope.query
      .insertInto('idempotentRequests')
      .values({ id, requestHash, at: this.#clock.now().toISOString(), sealedAnswer: null })
      .onConflict((conflict) => conflict.columns(['tenant', 'id']).doNothing())
      .executeTakeFirst();
    if (numInsertedOrUpdatedRows !== 1n) {
      checkRights(route, asked);
      const known = await this.#answered(scope, { id, requestHash });
      await o.onRepeated();
      return known;
    }
    let answer: RouteAnswer;
    try {
      answer = await o.run();
    } catch (error) {
      // What was refused may be tried again with the same key. What broke off may have been done in part, or as a whole.
      if (toHoldfastError(error).entry.http < 500)
        await scope.deleteFrom('idempotentRequests').where('id', '=', id).execute();
      throw error;
    }
    const sealedAnswer = this.#vault.seal(JSON.stringify(answer), { tenant: scope.tenant, kind: 'answer', id });
    await scope.query.updateTable('idempotentRequests').set({ sealedAnswer }).where('id', '=', id).execute();
    return answer;
  }

  async #answered(scope: TenantScope, o: { id: string; requestHash: string }): Promise<RouteAnswer> {
    const known = await scope.query
      .selectFrom('idempotentRequests')
      .selectAll()
      .where('id', '=', o.id)
      .executeTakeFirst();
    if (known && known.requestHash !== o.requestHash)
      throw new HoldfastError('request.invalid', {
        message: 'The Idempotency-Key was used for another request.',
        guidance: 'Make a new key for each request.',
      });
    if (!known?.sealedAnswer)
      throw new HoldfastError('request.conflict', {
        message: 'The first request with this Idempotency-Key has not been answered.',
        guidance: 'Wait and repeat it. If that stays so, it broke off: look at what it has done.',
      });
    const text = this.#vault.open(known.sealedAnswer, { tenant: scope.tenant, kind: 'answer', id: o.id });
    return storedAnswer.parse(JSON.parse(text));
  }

  async #makeRoom(scope: TenantScope, owner: string): Promise<void> {
    const oldest = new Date(this.#clock.now().getTime() - idempotencyLifetimeMs).toISOString();
    await scope.deleteFrom('idempotentRequests').where('at', '<=', oldest).execute();
    const { kept } = await scope.query
      .selectFrom('idempotentRequests')
      .select(scope.query.fn.countAll<number>().as('kept'))
      // The owner's and no other's: what follows is hexadecimal digits.
      .where('id', '>=', owner)
      .where('id', '<', `${owner}g`)
      .executeTakeFirstOrThrow();
    if (kept >= maxIdempotentRequests)
      throw new HoldfastError('internal.limit', {
        message: `More than ${maxIdempotentRequests} requests with an Idempotency-Key came from one account within a day.`,
        guidance: 'Leave the key away where repeating does no harm.',
      });
  }
}

/** A narrower token of the same person must not learn what a wider one was told. */
function ownerOf({ actor, credential }: Caller): readonly string[] {
  return [actor, credential.kind, 'id' in credential ? credential.id : ''];
}

function sha256(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
