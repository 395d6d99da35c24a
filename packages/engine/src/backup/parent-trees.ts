import { toHoldfastError } from '@holdfast/core';
import type { Node, ObjectId, Repository } from '@holdfast/repository';
import type { ProblemList } from '../problem-list.ts';
import type { ParentTree } from './backup-jobs.ts';

/** Reads folders of the parent snapshot. One that can't be read only costs time: everything in it is read again. */
export class ParentTrees {
  readonly #repository: Repository;
  readonly #problems: ProblemList;
  readonly #signal: AbortSignal;

  constructor(options: {
    readonly repository: Repository;
    readonly problems: ProblemList;
    readonly signal: AbortSignal;
  }) {
    this.#repository = options.repository;
    this.#problems = options.problems;
    this.#signal = options.signal;
  }

  async nodes(tree: ObjectId | undefined): Promise<readonly Node[]> {
    if (tree === undefined) return [];
    try {
      return await this.#repository.loadTree(tree, { signal: this.#signal });
    } catch (error) {
      this.#report(error);
      return [];
    }
  }

  /** As it is stored, for a thread to open and verify. */
  async sealed(tree: ObjectId): Promise<ParentTree | undefined> {
    try {
      const { place, bytes } = await this.#repository.loadSealedTree(tree, { signal: this.#signal });
      // A copy of its own: a view would be handed over with everything around it.
      return { kind: 'sealed', id: tree, place, bytes: new Uint8Array(bytes) };
    } catch (error) {
      this.#report(error);
      return undefined;
    }
  }

  #report(error: unknown): void {
    this.#signal.throwIfAborted();
    this.#problems.add(toHoldfastError(error));
  }
}
