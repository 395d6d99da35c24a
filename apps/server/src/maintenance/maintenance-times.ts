import type { Answer } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { RepositoryJobs } from '../jobs/repository-jobs.ts';
import { loadRepository } from '../repositories.ts';
import type { RunQueue } from '../runs/run-queue.ts';
import { maintenanceOf } from './settings.ts';
import { type MaintenanceKind, maintenanceKinds, nextDue, timingsOf } from './timings.ts';

/** When each kind of work was done last in a repository, and is due next. @throws request.missing */
export async function maintenanceTimes(
  scope: TenantScope,
  o: { readonly repositoryId: string; readonly queue: Pick<RunQueue, 'viewOf'>; readonly now: Date },
): Promise<Answer<'maintenanceTimes'>> {
  const repository = await loadRepository(scope, o.repositoryId);
  const settings = maintenanceOf(repository);
  // Whoever may see the repository need not be allowed to see all of its jobs.
  const jobs = (await RepositoryJobs.load(scope.wholeTenant, repository.id)).of(repository);
  const work: Answer<'maintenanceTimes'>['work'] = [];
  for (const kind of maintenanceKinds) {
    const last = await lastRun(scope, { repositoryId: repository.id, kind });
    const view = last && o.queue.viewOf(scope, last);
    // The clock begins with the first backup.
    const next =
      repository.initialisedAt === null ? undefined : nextDue(timingsOf(kind, settings, jobs), o.now)?.toISOString();
    work.push({
      kind,
      ...(view && {
        last: {
          ...{ id: view.id, sessionId: view.sessionId, state: view.state, queuedAt: view.queuedAt },
          ...{ startedAt: view.startedAt, endedAt: view.endedAt, error: view.error },
        },
      }),
      ...(next !== undefined && { nextAt: next }),
    });
  }
  return { work };
}

async function lastRun({ query }: TenantScope, o: { readonly repositoryId: string; readonly kind: MaintenanceKind }) {
  const newest = query
    .selectFrom('runs')
    .select(query.fn.max('sequence').as('sequence'))
    .where('repositoryId', '=', o.repositoryId)
    .where('kind', '=', o.kind);
  return query.selectFrom('runs').selectAll().where('sequence', '=', newest).executeTakeFirst();
}
