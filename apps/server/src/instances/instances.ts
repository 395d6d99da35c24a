import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import type { Logger } from 'pino';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { agentReturnMs, instanceBeatMs, instanceLeaseMs } from '../limits.ts';
import { sharedFiles } from './shared-files.ts';

interface Observed {
  readonly beat: number;
  readonly startedAt: string;
  /** Since when it was seen not to change, by our own clock. */
  readonly sinceMs: number;
}

/**
 * The instances of the server that share the catalogue. Each counts its beat up; one whose beat has not changed for the time of a
 * lease is declared dead by whoever sees it first, and what it had in its hands is anybody's from then on. No clocks of two
 * computers are compared: each watches the counts by its own. An instance that was only slow learns of it at its next beat, and
 * by then none of its writes to a run that somebody else has taken has any effect.
 */
export class Instances implements AsyncDisposable {
  readonly id: string;
  readonly #catalogue: Catalogue;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #name: string;
  readonly #observed = new Map<string, Observed>();
  #others: readonly string[] = [];
  #lookedMs = Number.NEGATIVE_INFINITY;
  #changedMs: number;

  private constructor(o: { catalogue: Catalogue; id: string; name: string; clock: Clock; logger: Logger }) {
    this.id = o.id;
    this.#catalogue = o.catalogue;
    this.#clock = o.clock;
    this.#logger = o.logger;
    this.#name = o.name;
    this.#changedMs = o.clock.monotonicMs();
  }

  /**
   * Joins the others. `id` is the data directory's, so that a server which was killed finds its own again. `facts` must be the
   * same for all; throws `usage.configuration` where they are not, before anything is done.
   */
  static async join(o: {
    catalogue: Catalogue;
    id: string;
    name: string;
    facts: Readonly<Record<string, string>>;
    clock: Clock;
    logger: Logger;
  }): Promise<Instances> {
    await requireSameFacts(o.catalogue, o.facts);
    const instances = new Instances(o);
    await instances.#enter();
    await instances.look();
    return instances;
  }

  /** Ids of those that live now, this one too. */
  async living(): Promise<Set<string>> {
    const rows = await this.#catalogue.system.selectFrom('instances').select('id').execute();
    return new Set(rows.map(({ id }) => id));
  }

  /** The other instances that live, as far as is known here. */
  get others(): readonly string[] {
    return this.#others;
  }

  /** One of them, this one too, has begun or ended a short while ago: its agents are on their way to one that lives. */
  get areChanging(): boolean {
    return this.#clock.monotonicMs() - this.#changedMs < agentReturnMs;
  }

  /** Beats and looks at the others until the signal aborts; `onLook` is called after each look. */
  async watch(signal: AbortSignal, onLook: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(instanceBeatMs, signal);
      try {
        await this.#beat();
        await this.look();
        await onLook();
      } catch (error) {
        if (!signal.aborted)
          this.#logger.warn({ error: toHoldfastError(error) }, 'the other instances were not looked at');
      }
    }
  }

  /** Looks who lives. Declares dead who has not beaten for the time of a lease. */
  async look(): Promise<void> {
    const rows = await this.#catalogue.system
      .selectFrom('instances')
      .select(['id', 'name', 'beat', 'startedAt'])
      .execute();
    const nowMs = this.#clock.monotonicMs();
    // After a pause of our own, or while the database was away, nobody else's silence says anything: they are watched anew.
    if (nowMs - this.#lookedMs > 2 * instanceBeatMs)
      for (const [id, seen] of this.#observed) this.#observed.set(id, { ...seen, sinceMs: nowMs });
    this.#lookedMs = nowMs;
    const living: string[] = [];
    for (const { id, name, beat, startedAt } of rows) {
      if (id === this.id) continue;
      const before = this.#observed.get(id);
      if (before?.startedAt !== startedAt) this.#changedMs = nowMs;
      if (before?.beat !== beat) this.#observed.set(id, { beat, startedAt, sinceMs: nowMs });
      else if (nowMs - before.sinceMs >= instanceLeaseMs && (await this.#declareDead(id, beat))) {
        this.#logger.warn({ instance: id, name }, 'another instance of the server has fallen silent');
        continue;
      }
      living.push(id);
    }
    for (const id of this.#observed.keys()) {
      if (living.includes(id)) continue;
      this.#observed.delete(id);
      this.#changedMs = nowMs;
    }
    this.#others = living;
  }

  /** Says good-bye: what it had is anybody's at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#catalogue.system.deleteFrom('instances').where('id', '=', this.id).execute();
    } catch (error) {
      this.#logger.warn({ error: toHoldfastError(error) }, 'the other instances will find out that this one has ended');
    }
  }

  async #enter(): Promise<void> {
    await this.#catalogue.system
      .insertInto('instances')
      .values({ id: this.id, name: this.#name, beat: 1, startedAt: this.#clock.now().toISOString() })
      .onConflict((conflict) =>
        conflict.column('id').doUpdateSet((row) => ({
          beat: row('instances.beat', '+', 1),
          name: this.#name,
          startedAt: row.ref('excluded.startedAt'),
        })),
      )
      .execute();
  }

  async #beat(): Promise<void> {
    const { numUpdatedRows } = await this.#catalogue.system
      .updateTable('instances')
      .set((row) => ({ beat: row('beat', '+', 1) }))
      .where('id', '=', this.id)
      .executeTakeFirst();
    if (numUpdatedRows === 1n) return;
    this.#logger.warn('this instance was taken for dead by another: what it had is looked through again');
    await this.#enter();
  }

  /** False when it has beaten since, or somebody else was first. */
  async #declareDead(id: string, beat: number): Promise<boolean> {
    const { numDeletedRows } = await this.#catalogue.system
      .deleteFrom('instances')
      .where('id', '=', id)
      .where('beat', '=', beat)
      .executeTakeFirst();
    return numDeletedRows === 1n;
  }
}

/** The first instance writes them down. One of another installation, or with other keys, would make a mess of everything. */
async function requireSameFacts(catalogue: Catalogue, facts: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, value] of Object.entries(facts)) {
    await catalogue.system
      .insertInto('sharedFacts')
      .values({ name, value })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .execute();
    const { value: known } = await catalogue.system
      .selectFrom('sharedFacts')
      .select('value')
      .where('name', '=', name)
      .executeTakeFirstOrThrow();
    if (known === value) continue;
    throw new HoldfastError('usage.configuration', {
      message: `The catalogue belongs to a server with another ${name} than the one in this data directory.`,
      guidance: `A further instance starts with the keys of the first one: stop it, copy ${sharedFiles.join(', ')} from there into its data directory (mode 600), and start it again.`,
    });
  }
}
