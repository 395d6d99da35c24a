import { hash } from 'node:crypto';
import { limits } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { SnapshotsTable } from '../catalogue/schema.ts';
import { maintenanceOf } from '../maintenance/settings.ts';
import type { RepositoryRow } from '../repositories.ts';
import type { WorkOrder } from '../runs/work-order.ts';
import { comparedAtMostMs, comparedWithinMs } from './limits.ts';

/*
 * Which backup is compared with which, by the server's clock and its own list. The counts of a backup, and what a policy's was of, are the
 * agent's word: who has the agent in his hands can hand in backups of anything as well.
 */

type AnalysisOrder = Extract<WorkOrder, { kind: 'analysis' }>;

/** What a backup is of, as its job or policy had it. Where that was changed, the next backup has none to be compared with. */
export function setOfOrder(order: Extract<WorkOrder, { kind: 'backup' }>): string {
  const { wholeComputer, sources, excludes, oneFileSystem } = order;
  return hash('sha256', JSON.stringify([wholeComputer, sources, excludes, oneFileSystem]));
}

/**
 * Of a snapshot that is listed after its backup. It is due only when so many files can be gone that there may be something to tell: as
 * many as there were, and came since then, and are not there now. Most backups end here, because runs are dear.
 */
export async function analysisFields(
  scope: TenantScope,
  o: Backup & { readonly id: string; readonly totalFiles: number; readonly newFiles: number },
): Promise<Pick<Selectable<SnapshotsTable>, 'newFiles' | 'analysisDue'>> {
  const { newFiles } = o;
  const earlier = await earlierOf(scope, o);
  if (!earlier) return { newFiles, analysisDue: 0 };
  const { since } = await listedBefore(scope, o)
    .where('listedAt', '>', earlier.listedAt)
    .select(({ fn }) => fn.sum<number | string | null>('newFiles').as('since'))
    .executeTakeFirstOrThrow();
  const gone = earlier.totalFiles + Number(since ?? 0) + newFiles - o.totalFiles;
  return { newFiles, analysisDue: gone >= limits.minGoneFiles ? 1 : 0 };
}

/** Whether backups in a repository are to be compared. */
export async function isToAnalyse({ query }: TenantScope, repositoryId: string): Promise<boolean> {
  const due = query.selectFrom('snapshots').select('id').where('analysisDue', '=', 1);
  return (await due.where('repositoryId', '=', repositoryId).limit(1).executeTakeFirst()) !== undefined;
}

/** Repositories with backups that are to be compared. */
export async function repositoriesToAnalyse({ query }: TenantScope): Promise<string[]> {
  const rows = await query
    .selectFrom('snapshots')
    .select('repositoryId')
    .distinct()
    .where('analysisDue', '=', 1)
    .execute();
  return rows.map(({ repositoryId }) => repositoryId);
}

/**
 * What is to be compared in a repository, which is due no more then; undefined when there is nothing.
 */
export async function takeComparisons(
  scope: TenantScope,
  repository: RepositoryRow,
): Promise<AnalysisOrder | undefined> {
  const { query } = scope;
  const due = await query
    .selectFrom('snapshots')
    .selectAll()
    .where('repositoryId', '=', repository.id)
    .where('analysisDue', '=', 1)
    .orderBy('listedAt')
    .orderBy('id')
    .limit(limits.maxComparisons)
    .execute();
  if (due.length === 0) return undefined;
  const ids = due.map(({ id }) => id);
  await query
    .updateTable('snapshots')
    .set({ analysisDue: 0 })
    .where('repositoryId', '=', repository.id)
    .where('id', 'in', ids)
    .execute();
  if (!maintenanceOf(repository).ransomwareAnalysis) return undefined;
  const comparisons: AnalysisOrder['comparisons'] = [];
  for (const row of due) {
    const earlier = await earlierOf(scope, row);
    const { id: after, agentId, hostname } = row;
    if (earlier) comparisons.push({ before: earlier.id, after, agentId, hostname, since: earlier.listedAt });
  }
  return comparisons.length === 0 ? undefined : { kind: 'analysis', comparisons };
}

/** What is looked for among earlier ones. */
type Backup = Pick<Selectable<SnapshotsTable>, 'id' | 'repositoryId' | 'agentId' | 'backupSet' | 'listedAt'>;

/** The earliest of the last 25 hours, else the nearest within 30 days; undefined for a first backup. */
async function earlierOf(scope: TenantScope, backup: Backup) {
  const since = (ms: number): string => new Date(Date.parse(backup.listedAt) - ms).toISOString();
  const others = listedBefore(scope, backup).select(['id', 'listedAt', 'totalFiles']).limit(1);
  return (
    (await others.where('listedAt', '>=', since(comparedWithinMs)).orderBy('listedAt').executeTakeFirst()) ??
    (await others.where('listedAt', '>=', since(comparedAtMostMs)).orderBy('listedAt', 'desc').executeTakeFirst())
  );
}

function listedBefore({ query }: TenantScope, { id, repositoryId, agentId, backupSet, listedAt }: Backup) {
  return query
    .selectFrom('snapshots')
    .where('repositoryId', '=', repositoryId)
    .where('agentId', '=', agentId)
    .where('backupSet', '=', backupSet)
    .where('listedAt', '<', listedAt)
    .where('id', '!=', id);
}
