import type { ObjectName, ObjectType } from './target.ts';

/**
 * What a change follows from: a snapshot was made for the index files that were listed, an index file is deleted because of
 * the snapshots and index files that are there, a pack because no index file names it.
 */
export function reliesOn(change: 'create' | 'delete', { type }: ObjectName): readonly ObjectType[] {
  if (change === 'create') return type === 'snapshot' ? ['index'] : [];
  if (type === 'index') return ['index', 'snapshot'];
  return type === 'data' ? ['index'] : [];
}

/**
 * Lists that somebody may rely on although a crash could still undo what others did: one that died, or whose sync failed,
 * has made or removed names of which nobody knows whether they are durable. Before anything follows from such a list its
 * folder is synced, once.
 */
export class ReliedLists {
  readonly #sync: (type: ObjectType) => Promise<void>;
  /** At first, because lists of earlier processes are relied on as well. */
  readonly #listed = new Set<ObjectType>(['index', 'snapshot']);
  readonly #syncing = new Map<ObjectType, Promise<void>>();

  constructor(sync: (type: ObjectType) => Promise<void>) {
    this.#sync = sync;
  }

  /** To be called when the names have been read. */
  listed(type: ObjectType): void {
    this.#listed.add(type);
  }

  /** Resolves when everything that a change follows from is durable. */
  async settle(change: 'create' | 'delete', name: ObjectName): Promise<void> {
    for (const type of reliesOn(change, name)) {
      if (this.#listed.delete(type)) this.#syncing.set(type, this.#syncOnce(type));
      await this.#syncing.get(type);
    }
  }

  async #syncOnce(type: ObjectType): Promise<void> {
    try {
      await this.#sync(type);
    } catch (error) {
      this.#listed.add(type);
      throw error;
    }
  }
}
