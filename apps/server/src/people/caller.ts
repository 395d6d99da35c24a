import { HoldfastError } from '@holdfast/core';
import { localTenant, type Permission, type PersonRole, permissionsOf } from '@holdfast/protocol';
import type { PresentedCertificate } from '@holdfast/wire';

/** Who makes a request, and what that one may do now. */
export interface Caller {
  /** As the audit names it: `user/NAME`, `service-account/NAME`, `local-administrator`, or `nobody`. */
  readonly actor: string;
  readonly tenant: string;
  /** Undefined for who has not signed in, for a machine, and for the local administrator. */
  readonly accountId: string | undefined;
  readonly credential: CallerCredential;
  readonly permissions: ReadonlySet<Permission>;
  /** Groups of computers that it is confined to; undefined: all. */
  readonly groups: ReadonlySet<string> | undefined;
  /** What has to be done before anything else is allowed. */
  readonly due: 'password' | 'second-factor' | undefined;
  /** Whether an action that asks for a fresh second factor may be done. */
  readonly stepUp: 'none-set' | 'fresh' | 'needed' | 'impossible';
}

export type CallerCredential =
  | { readonly kind: 'none' }
  | { readonly kind: 'local' }
  | { readonly kind: 'session' | 'api-token'; readonly id: string }
  /** Of a machine, with the certificate of its connection. */
  | { readonly kind: 'service-account'; readonly id: string; readonly presented: PresentedCertificate };

/** Who may read the data directory: nothing is kept from that one anyway. */
export const localAdministrator: Caller = {
  actor: 'local-administrator',
  tenant: localTenant,
  accountId: undefined,
  credential: { kind: 'local' },
  permissions: permissionsOf('administrator', { allGroups: true }),
  groups: undefined,
  due: undefined,
  stepUp: 'none-set',
};

/** Who has not signed in. */
export const nobody: Caller = {
  actor: 'nobody',
  tenant: localTenant,
  accountId: undefined,
  credential: { kind: 'none' },
  permissions: new Set(),
  groups: undefined,
  due: undefined,
  stepUp: 'none-set',
};

/** For what is of the installation and tells of all its tenants: it is for who owns it. Throws `auth.forbidden`. */
export function requireOwnTenant(tenant: string): void {
  if (tenant !== localTenant)
    throw new HoldfastError('auth.forbidden', { message: 'That is of the whole server, and not of a tenant.' });
}

export interface Rights {
  readonly role: PersonRole;
  readonly groups: ReadonlySet<string> | undefined;
}

/** What both have: a token never gets more than its owner has at the moment. Undefined: nothing is left. */
export function narrowed(
  owner: Rights,
  token: Rights,
): { permissions: ReadonlySet<Permission>; groups: ReadonlySet<string> | undefined } | undefined {
  const groups =
    owner.groups && token.groups ? owner.groups.intersection(token.groups) : (owner.groups ?? token.groups);
  if (groups?.size === 0) return undefined;
  const allGroups = groups === undefined;
  const permissions = permissionsOf(owner.role, { allGroups }).intersection(permissionsOf(token.role, { allGroups }));
  return { permissions, groups };
}
