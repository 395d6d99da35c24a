import { hasCode } from '@holdfast/core';
import type { TenantScope } from './catalogue.ts';

interface Waiting<Item, Result> extends PromiseWithResolvers<Result> {
  readonly scope: TenantScope;
  readonly item: Item;
}

/**
 * What is asked for one by one at the same time, as by the runs of a whole fleet, is done together. While one goes on, what comes
 * meanwhile waits for the next and becomes part of it, so that it is one wait for the disk and not one for each.
 */
export class DoTogether<Item, Result> {
  readonly #work: (scope: TenantScope, items: readonly Item[]) => Promise<readonly Result[]>;
  readonly #weightOf: (item: Item) => number;
  readonly #maxWeight: number;
  #waiting: Waiting<Item, Result>[] = [];
  #isWorking = false;

  /** `work` gives what came of each item, in their order, and does all of them or none; `maxWeight` is of all together. */
  constructor(o: {
    work: (scope: TenantScope, items: readonly Item[]) => Promise<readonly Result[]>;
    maxWeight: number;
    weightOf?: (item: Item) => number;
  }) {
    this.#work = o.work;
    this.#maxWeight = o.maxWeight;
    this.#weightOf = o.weightOf ?? (() => 1);
  }

  do(scope: TenantScope, item: Item): Promise<Result> {
    const waiting = { ...Promise.withResolvers<Result>(), scope, item };
    this.#waiting.push(waiting);
    if (!this.#isWorking) void this.#doAll();
    return waiting.promise;
  }

  /** Never throws: who waits is told. */
  async #doAll(): Promise<void> {
    this.#isWorking = true;
    for (let [first] = this.#waiting; first; [first] = this.#waiting) await this.#doNow(first.scope, this.#take(first));
    this.#isWorking = false;
  }

  /** The first of those that wait, and others of its tenant, as many as there may be. */
  #take({ scope: { tenant } }: Waiting<Item, Result>): Waiting<Item, Result>[] {
    const [taken, left]: [Waiting<Item, Result>[], Waiting<Item, Result>[]] = [[], []];
    let weight = 0;
    for (const one of this.#waiting) {
      const itsWeight = this.#weightOf(one.item);
      const fits = one.scope.tenant === tenant && (taken.length === 0 || weight + itsWeight <= this.#maxWeight);
      if (fits) weight += itsWeight;
      (fits ? taken : left).push(one);
    }
    this.#waiting = left;
    return taken;
  }

  async #doNow(scope: TenantScope, together: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#work(
        scope,
        together.map(({ item }) => item),
      );
      // In their order, and each is given one.
      for (const [place, { resolve }] of together.entries()) resolve(results[place] as Result);
    } catch (error) {
      if (together.length === 1 || hasCode(error, 'database.unavailable') || hasCode(error, 'database.timeout')) {
        for (const { reject } of together) reject(error);
        return;
      }
      // What was wrong with one of them took the others with it.
      for (const one of together) await this.#doNow(scope, [one]);
    }
  }
}
