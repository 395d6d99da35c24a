import { type ServiceKind, serviceKinds } from '../service-kinds.ts';
import type { HostClass } from './host-class.ts';

/** A class at one end of a channel, and the kinds that it is there. */
export interface Side {
  readonly one: HostClass;
  readonly kinds: readonly ServiceKind[];
}

/** Who uses whom, as far as a topology says so. */
export class Preferences {
  readonly #kindsByName: ReadonlyMap<string, readonly ServiceKind[]>;
  /** By the user: kind to the names chosen. */
  readonly #chosen = new Map<HostClass, ReadonlyMap<ServiceKind, ReadonlySet<string>>>();

  constructor(classes: readonly HostClass[]) {
    this.#kindsByName = new Map(
      classes.flatMap((one) => {
        const kinds = serviceKinds(one.roles);
        return one.hosts.map(({ name }) => [name, kinds] as const);
      }),
    );
    for (const one of classes) if (one.example.uses) this.#chosen.set(one, this.#byKind(one.example.uses));
  }

  #byKind(names: readonly string[]): ReadonlyMap<ServiceKind, ReadonlySet<string>> {
    const byKind = new Map<ServiceKind, Set<string>>();
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
