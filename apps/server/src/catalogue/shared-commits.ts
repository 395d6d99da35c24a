import { Semaphore } from '@holdfast/core';
import type { CompiledQuery, QueryResult } from 'kysely';
import type { SqliteFile } from './sqlite-file.ts';

/** Where several write at once, each waits this long for others to be committed with: a few times what a wait for the disk takes. */
const gatherMs = 5;

/**
 * Members take part one after the other; the transaction that they share is committed when no more has come for a moment. Whatever
 * becomes of it, each of them is told: that all of it is durable, or why nothing of it is there.
 */
export class SharedCommits {
  readonly #file: SqliteFile;
  readonly #turn = new Semaphore(1);
  #shared: Shared | undefined;
  /** Of the last transaction: where several come at once, more are worth waiting for. */
  #lastMembers = 0;

  constructor(file: SqliteFile) {
    this.#file = file;
  }

  /** Resolves when it is one's turn, which ends when one leaves. */
  async join(o: { readonly canBeUndone: boolean }): Promise<Member> {
    const turn = await this.#turn.acquire();
    try {
      if (this.#shared && !this.#shared.isUsable) this.#commit();
      this.#shared ??= this.#begin();
      this.#shared.members += 1;
      if (o.canBeUndone) this.#file.run('savepoint member');
      return new Member(this.#file, this.#shared, { ...o, turn });
    } catch (error) {
      turn[Symbol.dispose]();
      throw error;
    }
  }

  /** Does what can't be part of a transaction, when what was written before is committed. */
  async alone<T>(work: () => T): Promise<T> {
    using _turn = await this.#turn.acquire();
    this.#commit();
    return work();
  }

  /** Commits what there is. */
  async settle(): Promise<void> {
    await this.alone(() => undefined);
  }

  #begin(): Shared {
    // One that could not be undone: nobody may become part of it.
    if (this.#file.isInTransaction) this.#file.run('rollback');
    this.#file.run('begin');
    const shared = new Shared(this.#file);
    const commit = (): void => void this.#commitInTurn(shared);
    if (this.#lastMembers > 1) setTimeout(commit, gatherMs);
    else setImmediate(commit);
    return shared;
  }

  /** After those that wait already: they become part of it. */
  async #commitInTurn(shared: Shared): Promise<void> {
    using _turn = await this.#turn.acquire();
    if (this.#shared === shared) this.#commit();
  }

  /** Never throws: its members are told. */
  #commit(): void {
    const shared = this.#shared;
    if (!shared) return;
    this.#shared = undefined;
    this.#lastMembers = shared.members;
    try {
      shared.requireUsable();
      this.#file.run('commit');
      shared.committed.resolve();
    } catch (error) {
      shared.committed.reject(error);
      this.#undo();
    }
  }

  #undo(): void {
    try {
      if (this.#file.isInTransaction) this.#file.run('rollback');
    } catch {
      // Its members know why it was not committed; whoever comes next tries this again, and is told when it fails.
    }
  }
}

/** A transaction of the database that several have part in. */
class Shared {
  members = 0;
  readonly committed = Promise.withResolvers<void>();
  readonly #file: SqliteFile;
  #failure: { readonly error: unknown } | undefined;

  constructor(file: SqliteFile) {
    this.#file = file;
    this.committed.promise.catch(() => {
      // Told to every member that waits for it; perhaps all have left with a rollback, and none does.
    });
  }

  /** False: nothing of it will be committed, because the database has ended it, or it holds what could not be undone. */
  get isUsable(): boolean {
    return this.#failure === undefined && this.#file.isInTransaction;
  }

  requireUsable(): void {
    if (this.isUsable) return;
    throw this.#failure ? this.#failure.error : new Error('the database has ended the transaction');
  }

  /** The first reason why nothing of it will be committed. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }
}

/** One part of a shared transaction: all or nothing. */
export class Member {
  readonly #file: SqliteFile;
  readonly #shared: Shared;
  readonly #turn: Disposable;
  readonly #canBeUndone: boolean;

  constructor(file: SqliteFile, shared: Shared, o: { readonly canBeUndone: boolean; readonly turn: Disposable }) {
    this.#file = file;
    this.#shared = shared;
    this.#turn = o.turn;
    this.#canBeUndone = o.canBeUndone;
  }

  execute<R>(statement: CompiledQuery): QueryResult<R> {
    // Without this a statement would be committed by itself, when an error has ended the transaction around it.
    this.#shared.requireUsable();
    try {
      return this.#file.execute<R>(statement);
    } catch (error) {
      if (!this.#file.isInTransaction) this.#shared.fail(error);
      throw error;
    }
  }

  /** With `commit` resolves when what it did is durable. */
  async leave(how: 'commit' | 'rollback'): Promise<void> {
    try {
      if (this.#canBeUndone && this.#shared.isUsable) {
        if (how === 'rollback') this.#file.run('rollback to member');
        this.#file.run('release member');
      }
    } catch (error) {
      // Part of what it did may be in the transaction, and nobody could tell which.
      this.#shared.fail(error);
      throw error;
    } finally {
      this.#turn[Symbol.dispose]();
    }
    if (how === 'commit') await this.#shared.committed.promise;
  }
}
