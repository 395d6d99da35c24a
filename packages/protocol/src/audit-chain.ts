import { createHash } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import { z } from 'zod';
import { isoTime } from './names.ts';

/** What the audit's records are chained over, and how anybody who has them can check the chain. */

/** `unknown`: the server or its database ended while it was being done. */
export const auditOutcome = z.enum(['done', 'refused', 'failed', 'approval-asked', 'unknown']);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const auditRecord = z.object({
  /** From 1, without gaps. */
  number: z.number().int().min(1),
  at: isoTime,
  /** `user/NAME`, `local-administrator` (the token of the data directory), `agent/ID`, `mover/ID`, `server` or `nobody`. */
  actor: z.string(),
  /** The route's id, or what a computer or the server did. */
  action: z.string(),
  /** The id or name of what it was done to. */
  subject: z.string(),
  outcome: auditOutcome,
  remoteAddress: z.string(),
  /** As in the log and in the answer's `x-request-id`. */
  requestId: z.string(),
  details: z.record(z.string(), z.unknown()),
  previousHash: sha256,
  /** SHA-256 over the one before and the canonical JSON of this record. */
  hash: sha256,
});
export type AuditRecord = z.infer<typeof auditRecord>;

/** Of the record before the first one. */
export const firstAuditHash = '0'.repeat(64);

/** The hash that belongs to a record: SHA-256 over the hash before it, a line feed, and its JSON in the form of RFC 8785. */
export function auditHash(
  tenant: string,
  previousHash: string,
  record: Omit<AuditRecord, 'previousHash' | 'hash'>,
): string {
  const { number, at, actor, action, subject, outcome, remoteAddress, requestId, details } = record;
  const json = canonicalJson({
    ...{ tenant, number, at, actor, action, subject, outcome, remoteAddress, requestId, details },
  });
  return createHash('sha256').update(`${previousHash}\n${json}`, 'utf8').digest('hex');
}

/** RFC 8785: members in the order of their UTF-16 names, no white space; numbers and texts as ECMAScript writes them. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}

/**
 * Checks records in their order, one after the other. A gap, a changed record and one in a wrong place are `audit.broken`. What
 * was cut off at the end can be noticed only by whoever kept the `head` of an earlier check.
 */
export class AuditVerifier {
  readonly #tenant: string;
  #head: { readonly number: number; readonly hash: string } | undefined;
  #count = 0;

  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  /** Number and hash of the last record that was checked. */
  get head(): { readonly number: number; readonly hash: string } {
    return this.#head ?? { number: 0, hash: firstAuditHash };
  }

  get count(): number {
    return this.#count;
  }

  /** The first record may have any number: an export can begin in the middle. */
  add(record: AuditRecord): void {
    const before = this.#head ?? { number: record.number - 1, hash: record.previousHash };
    const isFirst = record.number === 1 && record.previousHash !== firstAuditHash;
    if (record.number !== before.number + 1)
      throw broken(`After record ${before.number} comes ${record.number}: records are missing, or in another order.`);
    if (record.previousHash !== before.hash || isFirst)
      throw broken(`Record ${record.number} does not follow what stands before it.`);
    if (auditHash(this.#tenant, record.previousHash, record) !== record.hash)
      throw broken(`Record ${record.number} is not what was written: its hash is another.`);
    this.#head = { number: record.number, hash: record.hash };
    this.#count += 1;
  }
}

function broken(message: string): HoldfastError {
  return new HoldfastError('audit.broken', { message });
}
