export { auditHost, type HostAudit } from './audit-host.ts';
export { auditInThread } from './audit-in-thread.ts';
export type { CountedUse } from './audit-use.ts';
export type { Finding, FindingKind } from './finding.ts';
export { thisHost } from './this-host.ts';
