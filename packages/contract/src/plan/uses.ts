import { type Role, roleEntry } from '../roles.ts';
import type { HostClass } from './host-class.ts';

/** Kinds of which a host may name those that it uses. Where it names one of a kind, it uses only those of that kind. */
type Kind = 'server' | 'target' | Role;

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

function kindOf(role: Role): Kind | undefined {
  const { process, is } = roleEntry(role);
  if (process === 'server') return 'server';
  if (targets.has(role) || is?.includes('data-mover')) return 'target';
  return process === 'agent' || process === 'client' ? undefined : role;
}

/** The kinds of things that a host with these roles is to others. An agent or a client is nobody's service. */
export function kindsOf(roles: Iterable<Role>): readonly Kind[] {
  const kinds = new Set<Kind>();
  for (const role of roles) {
    const kind = kindOf(role);
    if (kind !== undefined) kinds.add(kind);
  }
  return [...kinds];
}

/** A class at one end of a channel, and the kinds that it is there. */
export interface Side {
  readonly one: HostClass;
  readonly kinds: readonly Kind[];
}

/** Who uses whom, as far as a topology says so. */
export class Preferences {
  readonly #kindsByName: ReadonlyMap<string, readonly Kind[]>;
  /** By the user: kind to the names chosen. */
  readonly #chosen = new Map<HostClass, ReadonlyMap<Kind, ReadonlySet<string>>>();

  constructor(classes: readonly HostClass[]) {
    this.#kindsByName = new Map(
      classes.flatMap((one) => {
        const kinds = kindsOf(one.roles);
        return one.hosts.map(({ name }) => [name, kinds] as const);
      }),
    );
    for (const one of classes) if (one.example.uses) this.#chosen.set(one, this.#byKind(one.example.uses));
  }

  #byKind(names: readonly string[]): ReadonlyMap<Kind, ReadonlySet<string>> {
    const byKind = new Map<Kind, Set<string>>();
    for (const name of names)
      for (const kind of this.#kindsByName.get(name) ?? []) byKind.set(kind, (byKind.get(kind) ?? new Set()).add(name));
    return byKind;
  }

  /** False where one of the two has chosen others of the other's kind, as far as it is one here. */
  allow(from: Side, to: Side): boolean {
    return this.#uses(from.one, to) && this.#uses(to.one, from);
  }

  #uses(user: HostClass, used: Side): boolean {
    const chosen = this.#chosen.get(user);
    if (!chosen || used.kinds.length === 0) return true;
    return used.kinds.some((kind) => chosen.get(kind)?.has(used.one.example.name) ?? true);
  }
}
