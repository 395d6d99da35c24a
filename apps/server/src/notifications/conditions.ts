import { X509Certificate } from 'node:crypto';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { everyComputer } from '../computers/computers.ts';
import type { Presence } from '../computers/presence.ts';
import type { ComputerList } from '../inventory/computer-list.ts';
import { certificateWarningFraction, certificateWarningMs, computersOfAPage } from '../limits.ts';
import type { OwnCertificate } from '../own-certificate.ts';
import { type Cause, noteCause } from './causes.ts';

/** What is so at present, and what to tell of it when it becomes so. */
type Conditions = ReadonlyMap<string, Cause>;

/** Where to look, and from when on it is told of. */
export interface Looking {
  readonly presence: Presence;
  readonly list: ComputerList;
  readonly offlineAfterMs: number;
  readonly unprotectedAfterMs: number;
  readonly own: Pick<OwnCertificate, 'chain'>;
}

export async function presentConditions(scope: TenantScope, o: Looking, now: Date): Promise<Conditions> {
  const found = new Map<string, Cause>();
  const nowMs = now.getTime();
  const before = (ms: number): string => new Date(nowMs - ms).toISOString();
  const issued = await scope.query
    .selectFrom('certificates')
    .select(['serial', 'issuedAt'])
    .where('expiresAt', '<=', new Date(nowMs + certificateWarningMs).toISOString())
    .where('revokedAt', 'is', null)
    .execute();
  const issuedAt = new Map(issued.map((one) => [one.serial, one.issuedAt]));
  for await (const { id, heldBy, hostname, lastSeenAt, enrolledAt, ...computer } of everyComputer(scope)) {
    if (!o.presence.isOnline({ id, heldBy }) && (lastSeenAt ?? enrolledAt) < before(o.offlineAfterMs))
      found.set(`computer-offline ${id}`, { kind: 'computer-offline', computerId: id });
    const from = issuedAt.get(computer.certificateSerial);
    const expiresAt = computer.certificateExpiresAt;
    if (from !== undefined && endsSoon({ from: Date.parse(from), to: Date.parse(expiresAt) }, nowMs))
      found.set(`certificate-expiring ${id}`, { kind: 'certificate-expiring', subject: hostname, expiresAt });
  }
  for (const [subject, pem] of o.own.chain) {
    const { validFromDate, validToDate } = new X509Certificate(pem);
    if (endsSoon({ from: validFromDate.getTime(), to: validToDate.getTime() }, nowMs))
      found.set(`certificate-expiring ${subject}`, {
        ...{ kind: 'certificate-expiring', subject, expiresAt: validToDate.toISOString() },
      });
  }
  for (let after: string | undefined; ; ) {
    const page = await o.list.page(scope, { state: 'unprotected', limit: computersOfAPage, after });
    // One that has only just joined is not there yet.
    for (const { id, enrolledAt } of page.computers)
      if (enrolledAt < before(o.unprotectedAfterMs))
        found.set(`computer-unprotected ${id}`, { kind: 'computer-unprotected', computerId: id });
    after = page.next;
    if (after === undefined) return found;
  }
}

function endsSoon({ from, to }: { readonly from: number; readonly to: number }, nowMs: number): boolean {
  return to - nowMs < Math.min(certificateWarningMs, (to - from) * certificateWarningFraction);
}

/** Notes what has become so, each once whichever instance looks first, and forgets what is so no more. */
export async function noteConditions(scope: TenantScope, present: Conditions, now: Date): Promise<void> {
  const known = await scope.query.selectFrom('notificationConditions').select(['kind', 'subject']).execute();
  const told = new Set(known.map(({ kind, subject }) => `${kind} ${subject}`));
  for (const { kind, subject } of known)
    if (!present.has(`${kind} ${subject}`))
      await scope
        .deleteFrom('notificationConditions')
        .where('kind', '=', kind)
        .where('subject', '=', subject)
        .execute();
  for (const [key, cause] of present) {
    if (told.has(key)) continue;
    const subject = key.slice(cause.kind.length + 1);
    await scope.transaction(async (inner) => {
      const { numInsertedOrUpdatedRows } = await inner.query
        .insertInto('notificationConditions')
        .values({ kind: cause.kind, subject, since: now.toISOString() })
        .onConflict((conflict) => conflict.columns(['tenant', 'kind', 'subject']).doNothing())
        .executeTakeFirst();
      if (numInsertedOrUpdatedRows === 1n) await noteCause(inner, cause, now);
    });
  }
}
