import type { GrantMode } from '@holdfast/protocol';
import type { Tenant } from './schema.ts';

/** What the identity service hands out. */

/**
 * Grants that somebody was given to use without a run, and the standing ones of policies that have been revoked: their text is
 * not kept.
 */
export interface GrantsTable {
  tenant: Tenant;
  id: string;
  repositoryId: string;
  mode: GrantMode;
  note: string;
  actor: string;
  createdAt: string;
  expiresAt: string;
  revokedAt: string | null;
  /** Of a standing grant. */
  policyId: string | null;
}

/** What named backups can be restored with, without an enrolled computer. */
export interface RecoveryTokensTable {
  tenant: Tenant;
  id: string;
  /** HMAC of the token under a key of the vault: 64 bits are too few for a plain hash. */
  tokenMac: string;
  note: string;
  /** `RecoveryScope` */
  scopeJson: string;
  actor: string;
  usesLeft: number;
  createdAt: string;
  expiresAt: string;
  lastUsedAt: string | null;
  lastUsedFrom: string | null;
  revokedAt: string | null;
}

/** Certificates that were given for recoveries, and for which backups. */
export interface RecoveryAccessesTable {
  tenant: Tenant;
  id: string;
  /** null: an account signed in. */
  tokenId: string | null;
  accountId: string | null;
  actor: string;
  scopeJson: string;
  hostname: string;
  remoteAddress: string;
  serial: string;
  fingerprint: string;
  keyHash: string;
  certificatePem: string;
  createdAt: string;
  expiresAt: string;
  lastUsedAt: string | null;
  revokedAt: string | null;
}

export interface IdentityTables {
  grants: GrantsTable;
  recoveryTokens: RecoveryTokensTable;
  recoveryAccesses: RecoveryAccessesTable;
}
