import type { AuditRecord } from '@holdfast/protocol';

/** The tenant of a server that serves one organisation, which the chain is about. */
const tenant = 'local';
/** Of the record before the first one. */
export const firstHash = '0'.repeat(64);

/** What a record's hash is over: its JSON in the form of RFC 8785, as the server and the command line write it. */
export function auditTextOf({ previousHash: _before, hash: _hash, ...record }: AuditRecord): string {
  return canonicalJson({ tenant, ...record });
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
