import { setImmediate as turnOfOthers } from 'node:timers/promises';
import { Semaphore } from '@holdfast/core';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { SqliteFile } from './sqlite-file.ts';

/** Where several write at once, each waits this long for others to be committed with: a few times what a wait for the disk takes. */
const gatherMs = 5;

/** Statements of transactions follow one another for so long; then whatever else the process does has its turn. */
const longestBurstMs = 10;

/**
 * Kysely's dialect over a file of SQLite, for a program in which many write at once. Two things are otherwise than in Kysely's own:
 *
 * - What is written at the same time is committed together: statements, and whole transactions one after the other, join one
 *   transaction of the database, each with a savepoint of its own. Each is answered when that is committed, and so is durable then
 *   as if it had been committed by itself, but all share one wait for the disk. One that fails leaves nothing, and not the others.
 * - What is only read has a connection of its own. It waits for no writer, and sees nothing that is not committed.
 * - A statement is worked on at once, so a transaction of many, as when a job of a whole fleet starts, would let nobody else work.
 *   Between two of its statements others have their turn.
 */
export class SqliteDialect implements Dialect {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  createDriver(): Driver {
    return new SqliteDriver(this.#path);
  }

  createQueryCompiler(): SqliteQueryCompiler {
    return new SqliteQueryCompiler();
  }

  createAdapter(): SqliteAdapter {
    return new Adapter();
  }

  createIntrospector(database: Kysely<unknown>): SqliteIntrospector {
    return new SqliteIntrospector(database);
  }
}

class Adapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

class SqliteDriver implements Driver {
  readonly #writer: SqliteFile;
  readonly #reader: SqliteFile;
  readonly #commits: SharedCommits;
  readonly #burst = new Burst();

  constructor(path: string) {
    this.#writer = new SqliteFile(path);
    this.#reader = new SqliteFile(path, { onlyReads: true });
    this.#commits = new SharedCommits(this.#writer);
  }

  async init(): Promise<void> {
    // The files are open already.
  }

  async acquireConnection(): Promise<SqliteConnection> {
    return new SqliteConnection({
      writer: this.#writer,
      reader: this.#reader,
      commits: this.#commits,
      burst: this.#burst,
    });
  }

  async beginTransaction(connection: SqliteConnection): Promise<void> {
    await connection.begin();
  }

  async commitTransaction(connection: SqliteConnection): Promise<void> {
    await connection.end('commit');
  }

  async rollbackTransaction(connection: SqliteConnection): Promise<void> {
    await connection.end('rollback');
  }

  async releaseConnection(): Promise<void> {
    // It was nothing but a place to remember the transaction.
  }

  async destroy(): Promise<void> {
    await this.#commits.settle();
    this.#reader.close();
    this.#writer.close();
  }
}

/** One statement or transaction. */
class SqliteConnection implements DatabaseConnection {
  readonly #writer: SqliteFile;
  readonly #reader: SqliteFile;
  readonly #commits: SharedCommits;
  readonly #burst: Burst;
  #member: Member | undefined;

  constructor(o: { writer: SqliteFile; reader: SqliteFile; commits: SharedCommits; burst: Burst }) {
    this.#writer = o.writer;
    this.#reader = o.reader;
    this.#commits = o.commits;
    this.#burst = o.burst;
  }

  async begin(): Promise<void> {
    this.#member = await this.#commits.join({ canBeUndone: true });
  }

  async end(how: 'commit' | 'rollback'): Promise<void> {
    const member = this.#member;
    this.#member = undefined;
    await member?.leave(how);
  }

  async executeQuery<R>(statement: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#member) {
      if (this.#burst.isLong()) await turnOfOthers();
      return this.#member.execute<R>(statement);
    }
    switch (statement.query.kind) {
      case 'SelectQueryNode':
        return this.#reader.execute<R>(statement);
      case 'InsertQueryNode':
      case 'UpdateQueryNode':
      case 'DeleteQueryNode': {
        const member = await this.#commits.join({ canBeUndone: false });
        try {
          return member.execute<R>(statement);
        } finally {
          // One that failed has done nothing: a statement is all or nothing by itself. What it met may yet be undone.
          await member.leave('commit');
        }
      }
      default:
        // Changes of the schema, and settings, some of which mean nothing within a transaction.
        return this.#commits.alone(() => this.#writer.execute<R>(statement));
    }
  }

  async *streamQuery<R>(statement: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    for (const row of (this.#member ? this.#writer : this.#reader).iterate<R>(statement)) yield { rows: [row] };
  }
}

/** Statements of transactions since the event loop turned last. */
class Burst {
  #beganMs: number | undefined;

  isLong(): boolean {
    if (this.#beganMs !== undefined) return performance.now() - this.#beganMs > longestBurstMs;
    this.#beganMs = performance.now();
    setImmediate(() => {
      this.#beganMs = undefined;
    });
    return false;
  }
}

/** Members take part one after the other; the transaction that they share is committed when no more has come for a moment. */
class SharedCommits {
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
      if (this.#shared && !this.#file.isInTransaction) this.#commit();
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
    this.#file.run('begin');
    const shared = new Shared();
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

  #commit(): void {
    const shared = this.#shared;
    if (!shared) return;
    this.#shared = undefined;
    this.#lastMembers = shared.members;
    try {
      // An error that nobody can do anything about, as of a full disk, has undone it all.
      if (!this.#file.isInTransaction) throw shared.failure;
      this.#file.run('commit');
      shared.committed.resolve();
    } catch (error) {
      if (this.#file.isInTransaction) this.#file.run('rollback');
      shared.committed.reject(error);
    }
  }
}

/** A transaction of the database that several have part in. */
class Shared {
  members = 0;
  failure: unknown;
  readonly committed = Promise.withResolvers<void>();

  constructor() {
    this.committed.promise.catch(() => {
      // Told to every member that waits for it; perhaps all have left with a rollback, and none does.
    });
  }
}

/** One part of a shared transaction: all or nothing. */
class Member {
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
    if (!this.#file.isInTransaction) throw this.#shared.failure;
    try {
      return this.#file.execute<R>(statement);
    } catch (error) {
      if (!this.#file.isInTransaction) this.#shared.failure = error;
      throw error;
    }
  }

  /** With `commit` resolves when what it did is durable. */
  async leave(how: 'commit' | 'rollback'): Promise<void> {
    try {
      if (this.#canBeUndone && this.#file.isInTransaction) {
        if (how === 'rollback') this.#file.run('rollback to member');
        this.#file.run('release member');
      }
    } finally {
      this.#turn[Symbol.dispose]();
    }
    if (how === 'commit') await this.#shared.committed.promise;
  }
}
