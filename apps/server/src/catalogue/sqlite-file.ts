import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { CompiledQuery, QueryResult } from 'kysely';

/** Another process (a backup, an administrator's shell) may hold the database for a moment. */
const busyTimeoutMs = 5_000;

/** To prepare a statement takes longer than most of them. There are some hundreds; those with long lists of values come once. */
const maxKeptStatements = 1_000;
const maxKeptStatementLength = 4_000;

interface Prepared {
  readonly statement: StatementSync;
  readonly givesRows: boolean;
}

/** One connection to a database in a file. Mode of the file: that of its folder, 0700. */
export class SqliteFile {
  readonly #database: DatabaseSync;
  readonly #kept = new Map<string, Prepared>();

  constructor(path: string, { onlyReads = false } = {}) {
    this.#database = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true });
    // FULL in WAL mode: a transaction is durable when it is committed, which is what the API reports.
    this.run('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
    if (onlyReads) this.run('PRAGMA query_only = ON;');
  }

  get isInTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** Statements without values. */
  run(sql: string): void {
    this.#database.exec(sql);
  }

  execute<R>({ sql, parameters }: CompiledQuery): QueryResult<R> {
    const { statement, givesRows } = this.#prepared(sql);
    const values = parameters.map(sqlValue);
    if (givesRows) return { rows: statement.all(...values) as R[] };
    const { changes, lastInsertRowid } = statement.run(...values);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  iterate<R>({ sql, parameters }: CompiledQuery): IterableIterator<R> {
    // Not a kept one: it would be begun anew by who uses it meanwhile.
    return this.#database.prepare(sql).iterate(...parameters.map(sqlValue)) as IterableIterator<R>;
  }

  close(): void {
    this.#database.close();
  }

  #prepared(sql: string): Prepared {
    const known = this.#kept.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    const prepared = { statement, givesRows: statement.columns().length > 0 };
    if (sql.length > maxKeptStatementLength) return prepared;
    if (this.#kept.size >= maxKeptStatements) this.#kept.clear();
    this.#kept.set(sql, prepared);
    return prepared;
  }
}

function sqlValue(value: unknown): SQLInputValue {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`a value of type ${typeof value} can't be stored`);
}
