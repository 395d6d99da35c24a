import { syslogSchema } from '@holdfast/notify/schemas';
import { z } from 'zod';
import { errorReport } from '../error-report.ts';
import { isoTime } from '../names.ts';
import { route } from '../route.ts';

const syslogExport = z.strictObject({
  ...syslogSchema.omit({ kind: true, caFile: true }).shape,
  /** The CA (PEM) of the server's certificate, if not one that the system of the backup server trusts. */
  caPem: z
    .string()
    .max(64 * 1024)
    .optional(),
  /** `authpriv` unless it is said otherwise. */
  facility: syslogSchema.shape.facility.unwrap().default('authpriv'),
});
export type SyslogExport = z.output<typeof syslogExport>;

const auditExport = z.object({
  /** Absent: the audit is not exported. */
  settings: syslogExport.optional(),
  /** Records up to this number have been sent. */
  exported: z.number().int(),
  /** The number of the last record. */
  last: z.number().int(),
  lastSentAt: isoTime.optional(),
  /** Why the last attempt failed, if it did. */
  error: errorReport.optional(),
});

export const auditExportRoutes = {
  auditExport: route('auditExport', 'GET', '/api/v1/audit/export', {
    access: 'audit.read',
    summary: 'Where the audit is exported to, and how far it has got',
    tag: 'server',
    response: auditExport,
  }),
  setAuditExport: route('setAuditExport', 'PUT', '/api/v1/audit/export', {
    access: 'server.manage',
    summary: 'Export the audit to a syslog server (RFC 5424), from its first record on unless it was exported before',
    tag: 'server',
    audited: ['host', 'port', 'transport', 'facility'],
    body: syslogExport,
    response: auditExport,
  }),
  deleteAuditExport: route('deleteAuditExport', 'DELETE', '/api/v1/audit/export', {
    access: 'server.manage',
    summary: 'Export the audit no longer',
    tag: 'server',
    response: z.object({}),
  }),
} as const;
