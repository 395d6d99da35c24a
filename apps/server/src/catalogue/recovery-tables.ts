import type { ColumnType, Generated } from 'kysely';

/** Tables of recovery kits and configuration backups; see `schema.ts`. */

type Tenant = ColumnType<string, never, never>;

/** One for each printed kit; only the public half, and what shows that a backup is the server's. */
export interface RecoveryKitsTable {
  tenant: Tenant;
  id: string;
  publicKey: string;
  sealedAuthKey: string;
  createdAt: string;
  createdBy: string;
  /** When somebody showed that the words are on paper. */
  confirmedAt: string | null;
  /** Null: it is the one in force. */
  replacedAt: string | null;
}

/** Backups of the server's own configuration. */
export interface ConfigurationBackupsTable {
  tenant: Tenant;
  id: string;
  /** Unique: whichever instance enters it makes the backup. */
  dueAt: string;
  startedAt: string;
  endedAt: string | null;
  kitId: string | null;
  /** Of the file; null until it is whole. */
  name: string | null;
  bytes: number | null;
  placesJson: Generated<string>;
  errorJson: string | null;
}
