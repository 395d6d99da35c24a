import { HoldfastError } from '@holdfast/core';
import type { ObjectType } from '@holdfast/storage';
import { isStale } from './access-rules.ts';
import { unknownSubject } from './ledger.ts';

interface Holder {
  readonly subject: string;
  readonly at: Date;
}

interface Writer {
  readonly subject: string;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

const guarded: ReadonlySet<ObjectType> = new Set(['data', 'index', 'snapshot']);

/**
 * While a grant to maintain holds an exclusive lock, nobody else writes data, index or snapshots: what a prune believes to be
 * all of the repository stays all of it. Locks are encrypted, so their maker announces an exclusive one.
 */
export class ExclusiveLocks {
  readonly #now: () => Date;
  readonly #held = new Map<string, Holder>();
  readonly #writers = new Set<Writer>();

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** In force from now on; resolves when no write of another subject is under way any more. */
  async hold(id: string, holder: Holder): Promise<void> {
    this.#held.set(id, holder);
    const others = [...this.#writers].filter(({ subject }) => subject !== holder.subject);
    for (const { abort } of others) abort.abort(lockedError(holder));
    await Promise.all(others.map(({ done }) => done));
  }

  release(id: string): void {
    this.#held.delete(id);
  }

  /**
   * Registers a write until disposed. Throws `repository.locked` while another subject holds an exclusive lock; the signal is
   * aborted when one is taken.
   */
  beginWrite(subject: string, type: ObjectType): { readonly signal: AbortSignal } & Disposable {
    const abort = new AbortController();
    if (!guarded.has(type)) return { signal: abort.signal, [Symbol.dispose]: () => undefined };
    for (const [id, holder] of this.#held) {
      if (isStale(holder.at, this.#now())) this.#held.delete(id);
      else if (holder.subject !== subject) throw lockedError(holder);
    }
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const writer: Writer = { subject, abort, done };
    this.#writers.add(writer);
    return {
      signal: abort.signal,
      [Symbol.dispose]: () => {
        this.#writers.delete(writer);
        resolve();
      },
    };
  }
}

function lockedError(holder: Holder): HoldfastError {
  const who = holder.subject === unknownSubject ? 'Somebody' : holder.subject;
  return new HoldfastError('repository.locked', {
    message: `${who} has locked the repository exclusively since ${holder.at.toISOString()}: nobody else may write to it.`,
    context: { since: holder.at.toISOString() },
  });
}
