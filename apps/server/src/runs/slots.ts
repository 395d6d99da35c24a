import { type Expression, type SqlBool, sql } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { RunRow } from './run-store.ts';

/** How many runs of what may be under way at once. */
export interface Slots {
  readonly perRepository: number;
  /** Of all repositories of one mover. */
  readonly perMover: number;
}

/** Where a run that may begin would take a slot. */
export type Placed = Pick<RunRow, 'id' | 'repositoryId' | 'jobSessionId'> & { readonly moverId: string };

/** What of a tenant is under way: counted by the database, because there may be thousands, and this is asked for after each that ends. */
export class UnderWay {
  readonly ofSession = new Counts();
  readonly ofRepository = new Counts();
  readonly ofMover = new Counts();

  static async count({ query }: TenantScope): Promise<UnderWay> {
    const rows = await query
      .selectFrom('runs')
      .innerJoin('repositories', 'repositories.id', 'runs.repositoryId')
      // Spelled out in the statement: what has an index of its own is known by it.
      .where('runs.state', '=', sql.lit('running' as const))
      .groupBy(['runs.repositoryId', 'runs.jobSessionId', 'repositories.moverId'])
      .select(['runs.repositoryId', 'runs.jobSessionId', 'repositories.moverId', query.fn.countAll().as('count')])
      .execute();
    const underWay = new UnderWay();
    for (const row of rows) underWay.add(row, Number(row.count));
    return underWay;
  }

  add({ jobSessionId, repositoryId, moverId }: Omit<Placed, 'id'>, count = 1): void {
    this.ofSession.add(jobSessionId ?? '', count);
    this.ofRepository.add(repositoryId, count);
    this.ofMover.add(moverId, count);
  }

  hasSlot({ repositoryId, moverId }: Placed, slots: Slots): boolean {
    return this.ofRepository.of(repositoryId) < slots.perRepository && this.ofMover.of(moverId) < slots.perMover;
  }
}

/**
 * Those that still wait and have a slot, at the beginning of the transaction that begins them: whoever else begins runs of the same movers waits
 * until it is over, so that several instances together keep to the slots.
 */
export async function withinSlots<Run extends Placed>(
  scope: TenantScope,
  runs: readonly Run[],
  slots: Slots,
): Promise<Run[]> {
  // Always in the same order, so that no two wait for each other.
  for (const id of [...new Set(runs.map(({ moverId }) => moverId))].toSorted())
    await scope.query
      .updateTable('computers')
      .set((mover) => ({ role: mover.ref('role') }))
      .where('id', '=', id)
      .execute();
  const ids = runs.map(({ id }) => id);
  const waiting = await scope.query
    .selectFrom('runs')
    .where('id', 'in', ids)
    .where(isInState('queued'))
    .select('id')
    .execute();
  const stillWaiting = new Set(waiting.map(({ id }) => id));
  const underWay = await UnderWay.count(scope);
  return runs.filter((run) => {
    const fits = stillWaiting.has(run.id) && underWay.hasSlot(run, slots);
    if (fits) underWay.add(run);
    return fits;
  });
}

/**
 * For runs of which the ids are known. Not `=`, by which SQLite, and PostgreSQL until it has counted anew, would rather go through all that have
 * that state.
 */
export function isInState(state: RunRow['state']): Expression<SqlBool> {
  return sql<SqlBool>`coalesce("state", '') = ${state}`;
}

class Counts {
  readonly #counts = new Map<string, number>();

  add(key: string, count: number): void {
    this.#counts.set(key, this.of(key) + count);
  }

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  from(count: number): string[] {
    return [...this.#counts].filter(([, counted]) => counted >= count).map(([key]) => key);
  }
}
