import type { PersonRole } from '@holdfast/protocol';
import type { Tenant } from './schema.ts';

/** What the OAuth and OpenID provider keeps. */

/** Programs that people may sign in to. */
export interface OauthClientsTable {
  tenant: Tenant;
  id: string;
  name: string;
  redirectUrisJson: string;
  /** Hexadecimal SHA-256; null for a public client, which has none. */
  secretHash: string | null;
  /** What it may do at most for whoever signs in. */
  role: PersonRole | null;
  groupsJson: string | null;
  actor: string;
  createdAt: string;
}

/** Accounts of machines. */
export interface ServiceAccountsTable {
  tenant: Tenant;
  id: string;
  name: string;
  /** null: it may do nothing but what `grantsJson` says. */
  role: PersonRole | null;
  groupsJson: string | null;
  /** `MachineGrants` */
  grantsJson: string | null;
  /** null: it proves itself with certificates that were registered. */
  computerId: string | null;
  /** PEM texts. */
  certificatesJson: string;
  actor: string;
  createdAt: string;
  lastTokenAt: string | null;
  lastTokenFrom: string | null;
}

/** Keys that ID tokens are signed with. */
export interface OauthKeysTable {
  tenant: Tenant;
  id: string;
  /** JWK, sealed by the vault. */
  sealedKey: string;
  createdAt: string;
}

/** Codes, tokens and sign-ins under way. What they are found by is a secret and kept as a hash; the rest is sealed. */
export interface OauthArtifactsTable {
  tenant: Tenant;
  /** Of oidc-provider: `AccessToken`, `Interaction` … */
  model: string;
  idHash: string;
  uidHash: string | null;
  /** HMAC of a device's user code under a key of the vault: it is too short for a plain hash. */
  userCodeMac: string | null;
  /** The session, API token or service account that it belongs to, and ends with. */
  credentialId: string | null;
  sealedPayload: string;
  createdAt: string;
  expiresAt: string;
  consumedAt: string | null;
}

/** Providers elsewhere that people may sign in with. */
export interface IdentityProvidersTable {
  tenant: Tenant;
  id: string;
  /** `IdentityProviderSettings` */
  settingsJson: string;
  sealedSecret: string | null;
  actor: string;
  createdAt: string;
}

/** Who somebody of such a provider is here. */
export interface OutsideIdentitiesTable {
  tenant: Tenant;
  id: string;
  providerId: string;
  subject: string;
  accountId: string;
  createdAt: string;
}

export interface OauthTables {
  identityProviders: IdentityProvidersTable;
  outsideIdentities: OutsideIdentitiesTable;
  oauthClients: OauthClientsTable;
  serviceAccounts: ServiceAccountsTable;
  oauthKeys: OauthKeysTable;
  oauthArtifacts: OauthArtifactsTable;
}
