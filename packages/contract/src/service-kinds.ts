import { type Role, roleEntry } from './roles.ts';

/** Kinds of service that hosts choose among by `uses`: a host that names one of a kind uses only those that it names. */
export type ServiceKind = 'server' | 'target' | Role;

const targets: ReadonlySet<Role> = new Set<Role>([
  'data-mover',
  's3',
  'azure-blob',
  'gcs',
  'ibm-cos',
  's3-compatible',
  'vault',
  'smb-share',
  'nfs-share',
  'cloud-gateway',
]);

function kindOf(role: Role): ServiceKind | undefined {
  const { process, is } = roleEntry(role);
  if (process === 'server') return 'server';
  if (targets.has(role) || is?.includes('data-mover')) return 'target';
  return process === 'agent' || process === 'client' ? undefined : role;
}

/** The kinds of service that a host with these roles is to others. A protected computer or a client is none. */
export function serviceKinds(roles: Iterable<Role>): readonly ServiceKind[] {
  const kinds = new Set<ServiceKind>();
  for (const role of roles) {
    const kind = kindOf(role);
    if (kind !== undefined) kinds.add(kind);
  }
  return [...kinds];
}
