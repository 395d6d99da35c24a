import { type Clock, toHoldfastError } from '@holdfast/core';
import { type SenderContext, sendSyslog, syslogLine } from '@holdfast/notify';
import { type AuditRecord, errorReport, reportOf, routes, type SyslogExport } from '@holdfast/protocol';
import type { Wire } from '@holdfast/wire';
import type { Logger } from 'pino';
import type { z } from 'zod';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { readJson } from '../json-column.ts';
import {
  auditExportClaimMs,
  auditExportLookMs,
  auditExportRetryMaxMs,
  auditExportTimeoutMs,
  maxExportedAtOnce,
} from '../limits.ts';
import type { AuditLog } from './audit-log.ts';

/** What every receiver takes as a datagram, and over TLS (RFC 5425, 4.3.1; RFC 5426, 3.2). */
const maxLineBytes = { udp: 2048, tls: 8192 } as const;

export type AuditExportView = z.input<typeof routes.auditExport.response>;

interface Parts {
  readonly catalogue: Catalogue;
  readonly audit: AuditLog;
  readonly wire: Wire;
  readonly instance: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Sends the audit to a syslog server: every record, in the order of its numbers, at least once. How far it has got is in the
 * catalogue, and moves on only after what was sent has arrived as far as syslog lets one know.
 */
export class AuditExport {
  readonly #parts: Parts;
  /** By tenant: when to try again after failures, and how many there were. */
  readonly #failures = new Map<string, { readonly count: number; readonly againMs: number }>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async watch(signal: AbortSignal): Promise<void> {
    const { catalogue, clock, logger } = this.#parts;
    while (!signal.aborted) {
      try {
        for (const tenant of await catalogue.tenantsWith('auditExports'))
          await this.#exportDue(catalogue.tenant(tenant), signal);
      } catch (error) {
        if (!signal.aborted) logger.warn({ error: toHoldfastError(error) }, 'the audit was not exported');
      }
      await clock.sleep(auditExportLookMs, signal);
    }
  }

  /** Until nothing is left to send, or it fails. */
  async #exportDue(scope: TenantScope, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#parts;
    const failure = this.#failures.get(scope.tenant);
    if (failure && clock.monotonicMs() < failure.againMs) return;
    try {
      while (!signal.aborted && (await this.#exportSome(scope, signal)));
      this.#failures.delete(scope.tenant);
    } catch (error) {
      if (signal.aborted) return;
      const known = toHoldfastError(error);
      const count = (failure?.count ?? 0) + 1;
      const pauseMs = Math.min(auditExportRetryMaxMs, auditExportLookMs * 2 ** Math.min(count, 20));
      this.#failures.set(scope.tenant, { count, againMs: clock.monotonicMs() + pauseMs });
      logger.warn({ error: known, pauseMs }, 'the audit was not exported');
      await scope.query
        .updateTable('auditExports')
        .set({ errorJson: JSON.stringify(reportOf(known)), claim: null, claimedUntil: '' })
        .where('claim', '=', this.#parts.instance)
        .execute();
    }
  }

  /** False when there is nothing to send, or another instance is at it. */
  async #exportSome(scope: TenantScope, signal: AbortSignal): Promise<boolean> {
    const { audit, wire, clock, instance } = this.#parts;
    const row = await scope.query.selectFrom('auditExports').selectAll().executeTakeFirst();
    if (!row || row.exported >= (await lastNumber(scope))) return false;
    const now = clock.now();
    const { numUpdatedRows } = await scope.query
      .updateTable('auditExports')
      .set({ claim: instance, claimedUntil: new Date(now.getTime() + auditExportClaimMs).toISOString() })
      .where('exported', '=', row.exported)
      .where('changedAt', '=', row.changedAt)
      .where((where) => where.or([where('claim', '=', instance), where('claimedUntil', '<=', now.toISOString())]))
      .executeTakeFirst();
    if (numUpdatedRows !== 1n) return false;
    const records = await audit.since(scope.tenant, { number: row.exported, limit: maxExportedAtOnce });
    const last = records.at(-1);
    if (!last) return false;
    const settings = settingsOf(row);
    const messages = records.map((record) => auditLine(record, { tenant: scope.tenant, settings }));
    const context: Pick<SenderContext, 'wire' | 'role' | 'clock'> = { wire, role: 'backup-server', clock };
    const limited = AbortSignal.any([signal, AbortSignal.timeout(auditExportTimeoutMs)]);
    await sendSyslog({ ...settings, caPem: settings.caPem }, { messages, context, signal: limited });
    await scope.query
      .updateTable('auditExports')
      .set({
        exported: last.number,
        lastSentAt: clock.now().toISOString(),
        errorJson: null,
        claim: null,
        claimedUntil: '',
      })
      .where('exported', '=', row.exported)
      .where('claim', '=', instance)
      .execute();
    return true;
  }
}

/** A record as a syslog message: its fields are structured data, its details the text, in JSON. */
export function auditLine(
  record: AuditRecord,
  o: { readonly tenant: string; readonly settings: Pick<SyslogExport, 'facility' | 'transport'> },
): Buffer {
  const { number, at, actor, action, subject, outcome, remoteAddress, requestId, hash, previousHash } = record;
  const fields = { tenant: o.tenant, number: String(number), actor, action, subject, outcome };
  return syslogLine({
    facility: o.settings.facility,
    severity: outcome === 'done' || outcome === 'approval-asked' ? 'information' : 'warning',
    at,
    messageId: 'audit',
    fields: { ...fields, remoteAddress, requestId, hash, previousHash },
    text: JSON.stringify(record.details),
    maxBytes: maxLineBytes[o.settings.transport],
  });
}

export async function auditExportView(scope: TenantScope): Promise<AuditExportView> {
  const row = await scope.query.selectFrom('auditExports').selectAll().executeTakeFirst();
  return {
    exported: row?.exported ?? 0,
    last: await lastNumber(scope),
    ...(row ? { settings: settingsOf(row) } : {}),
    ...(row?.lastSentAt ? { lastSentAt: row.lastSentAt } : {}),
    ...(row?.errorJson ? { error: readJson(errorReport, row.errorJson, 'auditExports.errorJson') } : {}),
  };
}

/** Another place goes on where the last one stopped. */
export async function saveAuditExport({ query }: TenantScope, settings: SyslogExport, now: Date): Promise<void> {
  const changed = { settingsJson: JSON.stringify(settings), changedAt: now.toISOString(), errorJson: null };
  await query
    .insertInto('auditExports')
    .values({ ...changed, exported: 0, claimedUntil: '' })
    .onConflict((conflict) => conflict.column('tenant').doUpdateSet({ ...changed, claim: null, claimedUntil: '' }))
    .execute();
}

function settingsOf({ settingsJson }: { readonly settingsJson: string }): SyslogExport {
  return readJson(syslogExport, settingsJson, 'auditExports.settingsJson');
}

const syslogExport = routes.setAuditExport.body;

async function lastNumber({ query }: TenantScope): Promise<number> {
  return (await query.selectFrom('auditHeads').select('number').executeTakeFirst())?.number ?? 0;
}
