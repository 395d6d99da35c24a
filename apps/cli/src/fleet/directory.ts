import { didYouMean } from '@holdfast/contract/topology';

interface Listed {
  readonly id: string;
  readonly name: string;
  /** Meant only by its id. */
  readonly isGone?: boolean;
}

/** Things that files name and the API knows by id. Case does not matter: host names have none. */
export class Directory {
  readonly #what: string;
  readonly #byId: ReadonlyMap<string, Listed>;
  readonly #byName: ReadonlyMap<string, readonly Listed[]>;

  /** `what`: "agent", for messages. */
  constructor(what: string, things: readonly Listed[]) {
    this.#what = what;
    this.#byId = new Map(things.map((thing) => [thing.id, thing]));
    this.#byName = Map.groupBy(
      things.filter(({ isGone }) => !isGone),
      ({ name }) => name.toLowerCase(),
    );
  }

  /** The name, where it says which one is meant, else the id. */
  nameOf(id: string): string {
    const thing = this.#byId.get(id);
    if (!thing || thing.isGone || this.#byId.has(thing.name)) return id;
    return this.#byName.get(thing.name.toLowerCase())?.length === 1 ? thing.name : id;
  }

  /** The id of what has this name or id. */
  find(text: string): { readonly id: string } | { readonly problem: string } {
    if (this.#byId.has(text.toLowerCase())) return { id: text.toLowerCase() };
    const found = this.#byName.get(text.toLowerCase()) ?? [];
    const [only] = found;
    if (only && found.length === 1) return { id: only.id };
    if (only)
      return {
        problem: `${found.length} of ${this.#what} have the name ${text}: give the id, one of ${found.map(({ id }) => id).join(', ')}`,
      };
    const meant = didYouMean(
      text,
      [...this.#byName.values()].flatMap(([one]) => (one ? [one.name] : [])),
    );
    return { problem: `there is no ${this.#what} ${text}.${meant}` };
  }
}
