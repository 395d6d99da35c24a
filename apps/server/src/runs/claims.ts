import { type Expression, sql } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { dialledPlatforms } from '../computers/agent-carriers.ts';
import { maxQueryValues } from '../limits.ts';
import { isWithin } from '../sessions/session-plan.ts';
import type { SessionRow } from '../sessions/session-store.ts';
import { fewSessions } from './limits.ts';
import { type RunRow, turnOf } from './run-store.ts';
import { type Slots, UnderWay } from './slots.ts';

/**
 * Who has a run in his hands, among the instances of the server. A run under way names its instance; every change of that is one
 * statement that says whom it is taken from, so of several that try one succeeds.
 */

/** Spelled out in the statement: what has an index of its own is known by it. */
const underWay = sql.lit('running' as const);
const waiting = sql.lit('queued' as const);

/** What agents do; the rest takes turns by repository. */
const agentKinds: readonly RunRow['kind'][] = ['backup', 'restore'];

/** A run under way of one instance, with what others may have asked of it meanwhile. */
export interface HeldRun {
  readonly id: string;
  readonly cancelRequested: number;
  readonly agentHeldBy: string | null;
  readonly agentRevokedAt: string | null;
}

/** Whose agents may be at work for this instance. */
export interface Reach {
  readonly instance: string;
  /** The others that live. */
  readonly others: readonly string[];
  /** Agents that only call are on their way back: who is not connected here is waited for. */
  readonly awaitsAgents: boolean;
}

/** A run that may begin, and the mover of its repository. */
export type Candidate = RunRow & { readonly moverId: string };

interface Waiting {
  readonly session: string | null;
  /** When a task of it began last; empty for never. */
  readonly lastBegunAt: string;
}

/**
 * The queued runs that this instance may begin now, at most `free`: one at a time for each turn, within the slots of repositories and
 * movers, in the windows of their jobs. Sessions take turns: whichever has the fewest runs under way is next, and of two the
 * one that has waited longer for its turn, so that a job of a thousand computers keeps nobody waiting who has one.
 */
export async function runnable(
  scope: TenantScope,
  o: { readonly now: Date; readonly free: number; readonly slots: Slots; readonly reach: Reach },
): Promise<Candidate[]> {
  if (o.free <= 0) return [];
  const counted = await UnderWay.count(scope);
  /** The turns of what was chosen; those of what is under way were left out when the others were read. */
  const taken = new Set<string>();
  const turns = (await waitingSessions(scope, o)).map((session) => ({ ...session, ...noneFound() }));
  const isFree = (run: Candidate): boolean => !taken.has(turnOf(run)) && counted.hasSlot(run, o.slots);
  const chosen: Candidate[] = [];
  while (chosen.length < o.free) {
    let next: (typeof turns)[number] | undefined;
    for (const turn of turns) {
      if (turn.isLast && turn.found.length === 0) continue;
      const more = next ? counted.ofSession.of(turn.session ?? '') - counted.ofSession.of(next.session ?? '') : -1;
      if (!next || more < 0 || (more === 0 && turn.lastBegunAt < next.lastBegunAt)) next = turn;
    }
    if (!next) break;
    if (next.found.length === 0) {
      // As many as there may be room for: a query for each would look through the beginning of the queue each time.
      const limit = Math.min(o.free - chosen.length, maxQueryValues);
      next.found = await firstOf(scope, next, {
        limit,
        now: o.now,
        reach: o.reach,
        taken: [...taken],
        fullRepositories: counted.ofRepository.from(o.slots.perRepository),
        fullMovers: counted.ofMover.from(o.slots.perMover),
      });
      next.isLast = next.found.length < limit;
      continue;
    }
    const found = next.found.shift();
    // What was chosen since they were read may stand in the way.
    if (!found || !isFree(found)) continue;
    taken.add(turnOf(found));
    counted.add(found);
    next.lastBegunAt = o.now.toISOString();
    chosen.push(found);
  }
  return chosen;
}

/** What is known of a session's queue: its first runs, and whether there are others behind them. */
function noneFound(): { found: Candidate[]; isLast: boolean } {
  return { found: [], isLast: false };
}

/** Sessions that may have a run that may begin, in the order in which they came, where their windows are open. */
async function waitingSessions(scope: TenantScope, o: { now: Date; reach: Reach }): Promise<Waiting[]> {
  const any = scope.query
    .selectFrom('runs')
    .where('runs.state', '=', waiting)
    .select('runs.id')
    .orderBy('runs.sequence')
    .limit(1);
  const itself = sql.ref<string>('sessions.id');
  const some = await sessionsWith(scope, any.where('runs.jobSessionId', '=', itself), fewSessions + 1);
  // Of a few the first runs are asked for anyway.
  const isFew = some.length <= fewSessions;
  const ready = queued(scope, o).select('runs.id').orderBy('runs.sequence').limit(1);
  const sessions = isFew
    ? some
    : await sessionsWith(scope, ready.where('runs.jobSessionId', '=', itself), maxQueryValues);
  const ofNone = await (isFew ? any : ready).where('runs.jobSessionId', 'is', null).executeTakeFirst();
  return [
    ...(ofNone ? [{ session: null, lastBegunAt: '' }] : []),
    ...sessions
      .filter((row) => isWithin(row, o.now))
      .map(({ id, lastBegunAt }) => ({ session: id, lastBegunAt: lastBegunAt ?? '' })),
  ];
}

/** Open sessions of which there is one such run. A value and not `exists`, of which PostgreSQL would make a join with all runs. */
async function sessionsWith(
  { query }: TenantScope,
  one: Expression<unknown>,
  limit: number,
): Promise<Pick<SessionRow, 'id' | 'planJson' | 'lastBegunAt'>[]> {
  return query
    .selectFrom('sessions')
    .where('endedAt', 'is', null)
    .where(one, 'is not', null)
    .select(['id', 'planJson', 'lastBegunAt'])
    .orderBy('createdAt')
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** What waits and need not wait longer, of agents that no other living instance is connected to, where it is nobody else's turn. */
function queued({ query }: TenantScope, { now, reach }: { now: Date; reach: Reach }) {
  const busy = query
    .selectFrom('runs as running')
    .select('running.turn')
    .where('running.state', '=', underWay)
    .where('running.turn', 'is not', null);
  const runs = query
    .selectFrom('runs')
    .innerJoin('computers', 'computers.id', 'runs.agentId')
    .innerJoin('repositories', 'repositories.id', 'runs.repositoryId')
    .where('runs.state', '=', waiting)
    .where((run) => run.or([run('runs.notBefore', 'is', null), run('runs.notBefore', '<=', now.toISOString())]))
    .where((run) =>
      run.or([
        run.and([run('runs.kind', 'in', agentKinds), run('runs.agentId', 'not in', busy)]),
        run.and([run('runs.kind', 'not in', agentKinds), run('runs.repositoryId', 'not in', busy)]),
      ]),
    );
  const { instance, others, awaitsAgents } = reach;
  const nobodyElses =
    others.length === 0
      ? runs
      : runs.where((run) => run.or([run('computers.heldBy', 'is', null), run('computers.heldBy', 'not in', others)]));
  if (!awaitsAgents) return nobodyElses;
  return nobodyElses.where((run) =>
    run.or([
      run('computers.role', '=', 'mover'),
      run('computers.heldBy', '=', instance),
      run.and([run('computers.preinstalled', '=', 0), run('computers.platform', 'in', dialledPlatforms)]),
    ]),
  );
}

async function firstOf(
  scope: TenantScope,
  { session }: Waiting,
  o: {
    limit: number;
    now: Date;
    reach: Reach;
    taken: string[];
    fullRepositories: string[];
    fullMovers: string[];
  },
): Promise<Candidate[]> {
  let runs = queued(scope, o)
    .selectAll('runs')
    .select('repositories.moverId')
    .where('runs.jobSessionId', session === null ? 'is' : '=', session)
    .orderBy('runs.sequence')
    .limit(o.limit);
  if (o.taken.length > 0)
    runs = runs.where((run) =>
      run.or([
        run.and([run('runs.kind', 'in', agentKinds), run('runs.agentId', 'not in', o.taken)]),
        run.and([run('runs.kind', 'not in', agentKinds), run('runs.repositoryId', 'not in', o.taken)]),
      ]),
    );
  if (o.fullRepositories.length > 0) runs = runs.where('runs.repositoryId', 'not in', o.fullRepositories);
  if (o.fullMovers.length > 0) runs = runs.where('repositories.moverId', 'not in', o.fullMovers);
  return runs.execute();
}

export async function heldRuns({ query }: TenantScope, instance: string): Promise<HeldRun[]> {
  return query
    .selectFrom('runs')
    .innerJoin('computers', 'computers.id', 'runs.agentId')
    .select(['runs.id', 'cancelRequested', 'computers.heldBy as agentHeldBy', 'computers.revokedAt as agentRevokedAt'])
    .where('runs.state', '=', 'running')
    .where('runs.heldBy', '=', instance)
    .execute();
}

/** Takes over runs whose instance lives no more, or of versions that had but one. */
export async function takeOver(
  scope: TenantScope,
  o: { instance: string; living: readonly string[]; limit: number },
): Promise<void> {
  if (o.limit <= 0) return;
  const orphans = await scope.query
    .selectFrom('runs')
    .select(['id', 'heldBy'])
    .where('state', '=', 'running')
    .where((row) => row.or([row('heldBy', 'is', null), row('heldBy', 'not in', o.living)]))
    .orderBy('sequence')
    .limit(o.limit)
    .execute();
  for (const { id, heldBy } of orphans) await passOn(scope, { id, from: heldBy, to: o.instance });
}

/** Puts a run that nobody was given back into the queue; false when another instance has it. It goes on naming who had it: it was begun before. */
export async function giveBack({ query }: TenantScope, o: { id: string; from: string }): Promise<boolean> {
  const { numUpdatedRows } = await query
    .updateTable('runs')
    .set({ state: 'queued', startedAt: null, turn: null })
    .where('id', '=', o.id)
    .where('state', '=', 'running')
    .where('handedOver', '=', 0)
    .where('heldBy', '=', o.from)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function passOn(
  { query }: TenantScope,
  o: { id: string; from: string | null; to: string },
): Promise<void> {
  await query
    .updateTable('runs')
    .set({ heldBy: o.to })
    .where('id', '=', o.id)
    .where('state', '=', 'running')
    .where('heldBy', 'is not distinct from', o.from)
    .execute();
}
