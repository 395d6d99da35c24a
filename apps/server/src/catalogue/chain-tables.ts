import type { AuditRecord, ReceiptDrill } from '@holdfast/protocol';
import type { Generated } from 'kysely';
import type { Tenant } from './schema.ts';

/** The audit and receipts: chains, of which what was written stays, and who has it can check it. */

/** Of restore drills. Appended to only, as the audit. */
export interface ReceiptsTable {
  tenant: Tenant;
  /** From 1 within the tenant, without gaps. */
  number: number;
  at: string;
  outcome: ReceiptDrill['outcome'];
  runId: string;
  repositoryId: string;
  /** Of the backup; the repository's mover where that is not known, as in `snapshots`. */
  agentId: string;
  snapshotId: string;
  /** What is in the JWS. */
  drillJson: string;
  jws: string;
}

/** The last receipt of each tenant. Whoever appends locks its row. */
export interface ReceiptHeadsTable {
  tenant: Tenant;
  number: number;
  hash: string;
}

/** Appended to only: the database refuses to change or delete a row. */
export interface AuditTable {
  tenant: Tenant;
  sequence: Generated<number>;
  /** From 1 within the tenant, without gaps. */
  number: number;
  at: string;
  actor: string;
  action: string;
  subject: string;
  outcome: AuditRecord['outcome'];
  remoteAddress: string;
  requestId: string;
  detailsJson: string;
  previousHash: string;
  hash: string;
}

/** What is being changed, until its record is written: what a crash leaves behind is in the audit all the same. */
export interface AuditIntentsTable {
  tenant: Tenant;
  id: string;
  /** The server's instance that does it. */
  instance: string;
  at: string;
  entryJson: string;
}

/** The last record of each tenant's audit. Whoever appends locks its row. */
export interface AuditHeadsTable {
  tenant: Tenant;
  number: number;
  hash: string;
}
