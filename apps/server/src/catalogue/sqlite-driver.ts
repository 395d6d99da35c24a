import { setImmediate as turnOfOthers } from 'node:timers/promises';
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
import { type Member, SharedCommits } from './shared-commits.ts';
import { SqliteFile } from './sqlite-file.ts';

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
