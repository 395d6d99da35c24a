import type { Clock } from '@holdfast/core';
import { auditExportView, saveAuditExport } from '../audit/audit-export.ts';
import type { RestHandlers } from './rest-app.ts';

export function auditExportHandlers({
  clock,
}: {
  clock: Clock;
}): Pick<RestHandlers, 'auditExport' | 'setAuditExport' | 'deleteAuditExport'> {
  return {
    auditExport: ({ scope }) => auditExportView(scope),
    setAuditExport: async ({ scope, body }) => {
      await saveAuditExport(scope, body, clock.now());
      return auditExportView(scope);
    },
    deleteAuditExport: async ({ scope }) => {
      await scope.deleteFrom('auditExports').execute();
      return {};
    },
  };
}
