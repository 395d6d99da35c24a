import { HoldfastError } from '@holdfast/core';
import {
  type RansomwareAlert,
  type RansomwareFinding,
  type Run,
  ransomwareFinding,
  type TaskOutcome,
} from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { RansomwareAlertsTable } from '../catalogue/maintenance-tables.ts';
import { readJson } from '../json-column.ts';
import { noteCause } from '../notifications/causes.ts';
import type { WorkOrder } from '../runs/work-order.ts';
import { findingsOf } from './findings.ts';
import { alertsKeptMs, maxAlertsLookedAt } from './limits.ts';

type AlertRow = Selectable<RansomwareAlertsTable>;

/** Raises an alert for each comparison that shows signs of ransomware, in the transaction that ends its run. */
export async function raiseAlerts(
  scope: TenantScope,
  o: {
    readonly run: Run;
    readonly found: Extract<TaskOutcome, { kind: 'analysis' }>;
    readonly order: Extract<WorkOrder, { kind: 'analysis' }>;
    readonly now: Date;
  },
): Promise<void> {
  const { repositoryId } = o.run;
  for (const { before, after, changes } of o.found.comparisons) {
    const asked = o.order.comparisons.find((one) => one.before === before && one.after === after);
    if (!asked || changes.length === 0) continue;
    const { agentId, hostname, since } = asked;
    const findings = findingsOf(changes, {
      falseAlarms: await findingsOfAlerts(scope, { agentId, state: 'false-alarm' }),
      told: await findingsOfAlerts(scope, { agentId, repositoryId, since }),
    });
    if (findings.length === 0) continue;
    const id = crypto.randomUUID();
    await scope.query
      .insertInto('ransomwareAlerts')
      .values({
        ...{ id, agentId, hostname, repositoryId, raisedAt: o.now.toISOString() },
        ...{ snapshotId: after, comparedWith: before, findingsJson: JSON.stringify(findings) },
        ...{ state: 'open', settledAt: null, settledBy: null },
      })
      .execute();
    await noteCause(scope, { kind: 'ransomware-alert', alertId: id }, o.now);
  }
}

async function findingsOfAlerts(
  { query }: TenantScope,
  o: {
    readonly agentId: string;
    readonly repositoryId?: string;
    readonly state?: AlertRow['state'];
    readonly since?: string;
  },
): Promise<RansomwareFinding[]> {
  let rows = query.selectFrom('ransomwareAlerts').select('findingsJson').where('agentId', '=', o.agentId);
  if (o.repositoryId !== undefined) rows = rows.where('repositoryId', '=', o.repositoryId);
  if (o.state !== undefined) rows = rows.where('state', '=', o.state);
  if (o.since !== undefined) rows = rows.where('raisedAt', '>=', o.since);
  const found = await rows.orderBy('raisedAt', 'desc').limit(maxAlertsLookedAt).execute();
  return found.flatMap(readFindings);
}

function readFindings({ findingsJson }: Pick<AlertRow, 'findingsJson'>): RansomwareFinding[] {
  return readJson(z.array(ransomwareFinding), findingsJson, 'ransomwareAlerts.findingsJson');
}

/** Throws `request.missing`. */
export async function loadAlert({ query }: TenantScope, id: string): Promise<AlertRow> {
  const row = await query.selectFrom('ransomwareAlerts').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw new HoldfastError('request.missing', { message: `There is no ransomware alert ${id}.` });
  return row;
}

export function alertView(row: AlertRow): RansomwareAlert {
  const { id, raisedAt, agentId, hostname, repositoryId, snapshotId, comparedWith, state } = row;
  return {
    ...{ id, raisedAt, agentId, hostname, repositoryId, snapshotId, comparedWith, state },
    findings: readFindings(row),
    ...(row.settledAt === null ? {} : { settledAt: row.settledAt }),
    ...(row.settledBy === null ? {} : { settledBy: row.settledBy }),
  };
}

/** What somebody says that it was; it can be said anew. Throws `request.missing`. */
export async function settleAlert(
  scope: TenantScope,
  o: {
    readonly id: string;
    readonly state: Exclude<RansomwareAlert['state'], 'open'>;
    readonly by: string;
    readonly now: Date;
  },
): Promise<RansomwareAlert> {
  const { id, state } = o;
  await scope.query
    .updateTable('ransomwareAlerts')
    .set({ state, settledAt: o.now.toISOString(), settledBy: o.by })
    .where('id', '=', id)
    .execute();
  return alertView(await loadAlert(scope, id));
}

/** Forgets what was seen to long ago. Open alerts stay until somebody settles them, false alarms because thresholds are counted by them. */
export async function forgetAlerts({ deleteFrom }: TenantScope, now: Date): Promise<void> {
  await deleteFrom('ransomwareAlerts')
    .where('state', '=', 'acknowledged')
    .where('settledAt', '<', new Date(now.getTime() - alertsKeptMs).toISOString())
    .execute();
}
