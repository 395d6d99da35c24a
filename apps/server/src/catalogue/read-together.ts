import { chunks } from '../jobs/chunks.ts';
import { maxQueryValues } from '../limits.ts';
import type { TenantScope } from './catalogue.ts';

type Asked<Row> = Map<string, PromiseWithResolvers<Row | undefined>>;

/** Rows that are asked for one by one at the same time, as by the runs that begin together, are read by one statement. */
export class ReadTogether<Row extends { readonly id: string }> {
  readonly #read: (scope: TenantScope, ids: readonly string[]) => Promise<readonly Row[]>;
  /** By scope: what was asked for since the last turn of the program. */
  readonly #asked = new Map<TenantScope, Asked<Row>>();

  /** `read` gives those that there are, in any order. */
  constructor(read: (scope: TenantScope, ids: readonly string[]) => Promise<readonly Row[]>) {
    this.#read = read;
  }

  /** The row as it is now; undefined where there is none. */
  load(scope: TenantScope, id: string): Promise<Row | undefined> {
    let asked = this.#asked.get(scope);
    if (!asked) {
      asked = new Map();
      this.#asked.set(scope, asked);
      queueMicrotask(() => void this.#answer(scope));
    }
    const known = asked.get(id);
    if (known) return known.promise;
    const answer = Promise.withResolvers<Row | undefined>();
    asked.set(id, answer);
    return answer.promise;
  }

  async #answer(scope: TenantScope): Promise<void> {
    const asked: Asked<Row> = this.#asked.get(scope) ?? new Map();
    this.#asked.delete(scope);
    for (const ids of chunks([...asked.keys()], maxQueryValues)) {
      try {
        const rows = new Map((await this.#read(scope, ids)).map((row) => [row.id, row]));
        for (const id of ids) asked.get(id)?.resolve(rows.get(id));
      } catch (error) {
        for (const id of ids) asked.get(id)?.reject(error);
      }
    }
  }
}
