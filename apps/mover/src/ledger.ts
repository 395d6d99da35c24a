import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { ObjectName } from '@holdfast/storage';

/** Which repository. */
export interface RepositoryKey {
  readonly tenant: string;
  readonly repository: string;
}

/** Who uploaded an object, and when by the mover's own clock. */
export interface UploadRecord {
  readonly subject: string;
  readonly at: Date;
  readonly sizeBytes: number;
  readonly exclusive: boolean;
}

/** Locks that the mover has not seen arriving belong to nobody. No subject of a grant is empty. */
export const unknownSubject = '';

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA busy_timeout = 5000;
  CREATE TABLE IF NOT EXISTS uploads (
    tenant TEXT NOT NULL,
    repository TEXT NOT NULL,
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    subject TEXT NOT NULL,
    at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    exclusive INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, repository, type, id)
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = 1;
`;

/**
 * Who uploaded what. Written after an object is durable, so a crash in between, or a power failure, may lose a record, never
 * invent one; every reader treats an object without a record as somebody else's that arrived just now.
 */
export class Ledger implements Disposable {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  readonly #remove: StatementSync;
  readonly #exclusive: StatementSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(schema);
    this.#insert = this.#database.prepare(
      'INSERT OR IGNORE INTO uploads (tenant, repository, type, id, subject, at, size, exclusive) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#select = this.#database.prepare(
      'SELECT subject, at, size, exclusive FROM uploads WHERE tenant = ? AND repository = ? AND type = ? AND id = ?',
    );
    this.#remove = this.#database.prepare(
      'DELETE FROM uploads WHERE tenant = ? AND repository = ? AND type = ? AND id = ?',
    );
    this.#exclusive = this.#database.prepare(
      "SELECT id, subject, at FROM uploads WHERE tenant = ? AND repository = ? AND type = 'lock' AND exclusive = 1",
    );
  }

  /** Keeps the first record of an object. */
  record(key: RepositoryKey, name: ObjectName, upload: UploadRecord): void {
    this.#insert.run(
      key.tenant,
      key.repository,
      name.type,
      name.id,
      upload.subject,
      upload.at.getTime(),
      upload.sizeBytes,
      upload.exclusive ? 1 : 0,
    );
  }

  /** Survives a power failure as well: costs a write to the disk. */
  recordDurably(key: RepositoryKey, name: ObjectName, upload: UploadRecord): void {
    this.#database.exec('PRAGMA synchronous = FULL');
    try {
      this.record(key, name, upload);
    } finally {
      this.#database.exec('PRAGMA synchronous = NORMAL');
    }
  }

  find(key: RepositoryKey, name: ObjectName): UploadRecord | undefined {
    const row = this.#select.get(key.tenant, key.repository, name.type, name.id);
    if (!row) return undefined;
    return {
      subject: String(row['subject']),
      at: new Date(Number(row['at'])),
      sizeBytes: Number(row['size']),
      exclusive: row['exclusive'] === 1,
    };
  }

  forget(key: RepositoryKey, name: ObjectName): void {
    this.#remove.run(key.tenant, key.repository, name.type, name.id);
  }

  exclusiveLocks(key: RepositoryKey): { id: string; subject: string; at: Date }[] {
    return this.#exclusive.all(key.tenant, key.repository).map((row) => ({
      id: String(row['id']),
      subject: String(row['subject']),
      at: new Date(Number(row['at'])),
    }));
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
