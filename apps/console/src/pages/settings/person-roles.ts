import type { PersonRole } from '@holdfast/protocol';

/** As the API has them. */
export const personRoles = [
  'administrator',
  'backup-operator',
  'restore-operator',
  'auditor',
] as const satisfies readonly PersonRole[];
