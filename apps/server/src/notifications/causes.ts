import { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';

/** What has happened, without what the message says: that is looked up when it is made. */
export const cause = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('run-ended'), runId: z.string() }),
  z.strictObject({ kind: z.literal('computer-offline'), computerId: z.string() }),
  z.strictObject({ kind: z.literal('computer-unprotected'), computerId: z.string() }),
  z.strictObject({ kind: z.literal('ransomware-alert'), alertId: z.string() }),
  z.strictObject({ kind: z.literal('certificate-expiring'), subject: z.string(), expiresAt: z.string() }),
  z.strictObject({ kind: z.literal('approval-waiting'), approvalId: z.string() }),
  z.strictObject({ kind: z.literal('sign-in-delayed'), account: z.string(), address: z.string() }),
]);
export type Cause = z.output<typeof cause>;

/**
 * Notes what somebody may have to be told of. Call it in the transaction in which it happens: then it is told if, and only if, it
 * has happened, whatever crashes. Nothing is noted where nobody is notified.
 */
export async function noteCause(scope: Pick<TenantScope, 'query'>, noted: Cause, now: Date): Promise<void> {
  await noteCauses(scope, [noted], now);
}

/** As `noteCause`, of not more than a statement inserts (`maxInsertedRows`). */
export async function noteCauses(
  { query }: Pick<TenantScope, 'query'>,
  noted: readonly Cause[],
  now: Date,
): Promise<void> {
  if (noted.length === 0) return;
  const isHeard = await query.selectFrom('notificationSettings').select('changedAt').executeTakeFirst();
  if (!isHeard) return;
  await query
    .insertInto('notificationCauses')
    .values(noted.map((one) => ({ id: crypto.randomUUID(), at: now.toISOString(), causeJson: JSON.stringify(one) })))
    .execute();
}
