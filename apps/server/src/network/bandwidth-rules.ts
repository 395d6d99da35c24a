import { type Clock, HoldfastError } from '@holdfast/core';
import {
  type BandwidthRuleSettings,
  bandwidthRuleSettings,
  limits,
  type NetworkRule,
  type TrafficRule,
} from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { type PageRequest, readPage } from '../catalogue/page.ts';
import type { BandwidthRulesTable } from '../catalogue/usage-tables.ts';
import { readJson } from '../json-column.ts';

type RuleRow = Selectable<BandwidthRulesTable>;

/** What a change was based on. Throws `request.changed`. */
type RequireUnchanged = (view: NetworkRule) => void;

export function ruleView(row: RuleRow): NetworkRule {
  const settings = readJson(bandwidthRuleSettings, row.settingsJson, 'bandwidthRules.settingsJson');
  return { ...settings, id: row.id, createdAt: row.createdAt, changedAt: row.changedAt };
}

/** Throws `request.missing`. */
export async function loadRule(scope: TenantScope, id: string): Promise<RuleRow> {
  const row = await scope.query.selectFrom('bandwidthRules').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw new HoldfastError('request.missing', { message: `There is no bandwidth rule ${id}.` });
  return row;
}

/** A page of the list, oldest first. */
export async function pageOfRules(
  scope: TenantScope,
  o: PageRequest,
): Promise<{ rules: NetworkRule[]; next?: string }> {
  const query = scope.query.selectFrom('bandwidthRules').selectAll();
  const { items, ...rest } = await readPage(query, { ...o, order: { createdAt: 'text', id: 'text' }, view: ruleView });
  return { rules: items, ...rest };
}

/** Throws `request.conflict` for a name that another one has, `internal.limit` when there are too many. */
export async function createRule(scope: TenantScope, settings: BandwidthRuleSettings, clock: Clock): Promise<RuleRow> {
  return scope.transaction(async (inner) => {
    const { query } = inner;
    const { known } = await query
      .selectFrom('bandwidthRules')
      .select(query.fn.countAll<number>().as('known'))
      .executeTakeFirstOrThrow();
    if (Number(known) >= limits.maxTrafficRules)
      throw new HoldfastError('internal.limit', {
        message: `There are ${limits.maxTrafficRules} bandwidth rules already.`,
      });
    await requireFreeName(inner, settings.name);
    const now = clock.now().toISOString();
    return query
      .insertInto('bandwidthRules')
      .values({ id: crypto.randomUUID(), createdAt: now, ...changing(settings, now) })
      .returningAll()
      .executeTakeFirstOrThrow();
  });
}

/** As `createRule`; `request.missing`, and what `requireUnchanged` throws. */
export async function changeRule(
  scope: TenantScope,
  o: { readonly id: string; readonly settings: BandwidthRuleSettings; readonly requireUnchanged: RequireUnchanged },
  clock: Clock,
): Promise<RuleRow> {
  return scope.transaction(async (inner) => {
    o.requireUnchanged(ruleView(await loadRule(inner, o.id)));
    await requireFreeName(inner, o.settings.name, o.id);
    return inner.query
      .updateTable('bandwidthRules')
      .set(changing(o.settings, clock.now().toISOString()))
      .where('id', '=', o.id)
      .returningAll()
      .executeTakeFirstOrThrow();
  });
}

export async function deleteRule(
  scope: TenantScope,
  o: { readonly id: string; readonly requireUnchanged: RequireUnchanged },
): Promise<void> {
  await scope.transaction(async (inner) => {
    o.requireUnchanged(ruleView(await loadRule(inner, o.id)));
    await inner.deleteFrom('bandwidthRules').where('id', '=', o.id).execute();
  });
}

/** Those that hold, as movers keep them. */
export async function trafficRulesOf(scope: TenantScope): Promise<TrafficRule[]> {
  const rows = await scope.query.selectFrom('bandwidthRules').selectAll().orderBy('createdAt').orderBy('id').execute();
  return rows
    .map(ruleView)
    .filter(({ enabled }) => enabled)
    .map(({ id, sources, targets, bytesPerSecond, windows, timeZone }) => ({
      ...{ id, sources, targets, bytesPerSecond, windows, timeZone },
    }));
}

function changing(settings: BandwidthRuleSettings, now: string) {
  return { name: settings.name, settingsJson: JSON.stringify(settings), changedAt: now };
}

async function requireFreeName({ query }: TenantScope, name: string, own = ''): Promise<void> {
  const other = await query
    .selectFrom('bandwidthRules')
    .select('id')
    .where('name', '=', name)
    .where('id', '!=', own)
    .executeTakeFirst();
  if (other)
    throw new HoldfastError('request.conflict', {
      message: `There is a bandwidth rule ${name} already (${other.id}).`,
    });
}
