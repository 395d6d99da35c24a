import { z } from 'zod';

/** What people are, as administrators know it from other products. An account has one of these, for all groups or for some. */
export const personRole = z.enum(['administrator', 'backup-operator', 'restore-operator', 'auditor']);
export type PersonRole = z.infer<typeof personRole>;

const everybody = ['administrator', 'backup-operator', 'restore-operator', 'auditor'] as const;

/** Who may do what: each route of the REST API names one of these, and a test goes through every route with every role. */
const permissions = {
  'status.read': everybody,
  /** One's own account: password, second factors, sessions, tokens. */
  'account.manage': everybody,
  /** Computers, groups, repositories, jobs, policies, runs, snapshots: to look at them. */
  'fleet.read': everybody,
  'computers.manage': ['administrator'],
  /** To make and delete groups of computers. */
  'groups.manage': ['administrator'],
  'repositories.manage': ['administrator'],
  /** Retention, prune, check, drills: what is done to a repository, not how it is set up. */
  'repositories.maintain': ['administrator', 'backup-operator'],
  /** Passwords and grants that open a repository without us. */
  'secrets.reveal': ['administrator'],
  'jobs.manage': ['administrator', 'backup-operator'],
  'jobs.run': ['administrator', 'backup-operator'],
  'runs.cancel': ['administrator', 'backup-operator', 'restore-operator'],
  /** To see what is in a backup, and to restore it. */
  'restores.run': ['administrator', 'restore-operator'],
  'network.read': everybody,
  'network.check': ['administrator', 'backup-operator'],
  'network.manage': ['administrator'],
  'people.manage': ['administrator'],
  /** To say yes or no to what another administrator asked for. */
  'approvals.decide': ['administrator'],
  'audit.read': ['administrator', 'auditor'],
  'server.manage': ['administrator'],
} as const satisfies Record<string, readonly PersonRole[]>;
export type Permission = keyof typeof permissions;

/** What concerns everybody: an account that is confined to some groups has none of it, whatever its role. */
const beyondGroups: ReadonlySet<Permission> = new Set([
  'groups.manage',
  // A repository may hold backups of several groups, and its key opens all of them.
  'secrets.reveal',
  'network.read',
  'network.check',
  'network.manage',
  'people.manage',
  'approvals.decide',
  'audit.read',
  'server.manage',
]);

/** `allGroups`: false for an account that is confined to some groups of computers. */
export function permissionsOf(role: PersonRole, { allGroups }: { allGroups: boolean }): ReadonlySet<Permission> {
  const all = Object.entries(permissions) as [Permission, readonly PersonRole[]][];
  return new Set(
    all
      .filter(([permission, roles]) => roles.includes(role) && (allGroups || !beyondGroups.has(permission)))
      .map(([permission]) => permission),
  );
}
