import type { Clock } from '@holdfast/core';
import { sameText } from '@holdfast/protocol';
import type { PresentedCertificate } from '@holdfast/wire';
import type { Selectable } from 'kysely';
import type { AdapterPayload } from 'oidc-provider';
import { hashToken } from '../bearer-token.ts';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { OauthArtifactsTable } from '../catalogue/oauth-tables.ts';
import { artifactSweepMs, expiredArtifactMs, hourMs, maxOauthTokensOfOne, maxOpenOauthSignIns } from '../limits.ts';
import type { CredentialRow, Credentials } from '../people/credentials.ts';
import type { Vault } from '../vault.ts';
import { admits, findServiceAccount, type ServiceAccountRow } from './service-accounts.ts';

type ArtifactRow = Selectable<OauthArtifactsTable>;

/** What anybody may begin. */
const openModels = ['Interaction', 'Session', 'DeviceCode', 'OutsideSignIn'];
/** Of one sign-in: many in its time. */
const tokenModels = ['AccessToken', 'RefreshToken', 'AuthorizationCode', 'ClientCredentials'];

type FoundAccess = { readonly tenant: string } & (
  | { readonly row: CredentialRow }
  | { readonly machine: ServiceAccountRow; readonly presented: PresentedCertificate }
);

/**
 * What the provider remembers: codes, tokens, sign-ins under way. A person's sign-in is a session or API token of the server, whose
 * id is that of the provider's grant: whatever belongs to it is good while that row is, and no longer.
 */
export class ArtifactStore {
  readonly #catalogue: Catalogue;
  readonly #vault: Vault;
  readonly #credentials: Credentials;
  readonly #clock: Clock;
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(o: { catalogue: Catalogue; vault: Vault; credentials: Credentials; clock: Clock }) {
    this.#catalogue = o.catalogue;
    this.#vault = o.vault;
    this.#credentials = o.credentials;
    this.#clock = o.clock;
  }

  /**
   * The session or API token of an access token for the REST API, or the service account; undefined if either is not good any more, or
   * where the token is bound to a certificate other than the one of the connection (RFC 8705, section 3).
   */
  async findAccess(token: string, presented: PresentedCertificate | undefined): Promise<FoundAccess | undefined> {
    const found = await this.#catalogue.tenantOfAccessToken(hashOf(token));
    if (!found) return undefined;
    const { tenant, model } = found;
    const scope = this.#catalogue.tenant(tenant);
    const payload = await this.find(scope, model, token);
    const bound = payload?.['x5t#S256'];
    if (!payload || (bound !== undefined && !(presented && sameText(bound, presented.fingerprint)))) return undefined;
    if (!(payload.scope ?? '').split(' ').includes('api')) return undefined;
    if (model === 'ClientCredentials') {
      if (bound === undefined || !presented) return undefined;
      const machine = await findServiceAccount(scope, payload.clientId ?? '');
      // The certificate may have been taken away from it since.
      return machine && admits(machine, presented) ? { tenant, machine, presented } : undefined;
    }
    const row = payload.grantId === undefined ? undefined : await this.#credentials.load(scope, payload.grantId);
    return row && { tenant, row };
  }

  async find(scope: TenantScope, model: string, id: string): Promise<AdapterPayload | undefined> {
    return this.#open(scope, await this.#row(scope, { model, column: 'idHash', value: hashOf(id) }));
  }

  async findByUid(scope: TenantScope, model: string, uid: string): Promise<AdapterPayload | undefined> {
    return this.#open(scope, await this.#row(scope, { model, column: 'uidHash', value: hashOf(uid) }));
  }

  async findByUserCode(scope: TenantScope, model: string, userCode: string): Promise<AdapterPayload | undefined> {
    const value = this.#vault.mac('user-code', userCode);
    return this.#open(scope, await this.#row(scope, { model, column: 'userCodeMac', value }));
  }

  /** `expiresInSeconds`: undefined only of what the provider never keeps here. */
  async upsert(
    scope: TenantScope,
    o: { model: string; id: string; payload: AdapterPayload; expiresInSeconds: number | undefined },
  ): Promise<void> {
    const { model, id, payload } = o;
    const now = this.#clock.now();
    await this.#sweep(scope);
    const idHash = hashOf(id);
    const slackMs = model === 'DeviceCode' ? expiredArtifactMs : 0;
    const credentialId = model === 'Grant' ? id : ((isOfMachine(model) ? payload.clientId : payload.grantId) ?? null);
    const changing = {
      uidHash: payload.uid === undefined ? null : hashOf(payload.uid),
      userCodeMac: payload.userCode === undefined ? null : this.#vault.mac('user-code', payload.userCode),
      credentialId,
      sealedPayload: this.#vault.seal(JSON.stringify(payload), place(scope, { model, idHash })),
      expiresAt: new Date(now.getTime() + (o.expiresInSeconds ?? hourMs / 1000) * 1000 + slackMs).toISOString(),
    };
    await scope.query
      .insertInto('oauthArtifacts')
      .values({ ...changing, model, idHash, createdAt: now.toISOString() })
      .onConflict((conflict) => conflict.columns(['tenant', 'model', 'idHash']).doUpdateSet(changing))
      .execute();
    if (openModels.includes(model)) await this.#trimOpen(scope);
    else if (credentialId !== null && tokenModels.includes(model)) await this.#trimTokens(scope, credentialId);
  }

  /** Whether it is the first time: of those who use one code or refresh token at once, one. */
  async consume(scope: TenantScope, model: string, id: string): Promise<boolean> {
    const { numUpdatedRows } = await scope.query
      .updateTable('oauthArtifacts')
      .set({ consumedAt: this.#clock.now().toISOString() })
      .where('model', '=', model)
      .where('idHash', '=', hashOf(id))
      .where('consumedAt', 'is', null)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  async destroy(scope: TenantScope, model: string, id: string): Promise<void> {
    await scope.deleteFrom('oauthArtifacts').where('model', '=', model).where('idHash', '=', hashOf(id)).execute();
  }

  /** Ends the session or API token, and with it all that belongs to it. */
  async endCredential(scope: TenantScope, credentialId: string): Promise<void> {
    await scope.deleteFrom('oauthArtifacts').where('credentialId', '=', credentialId).execute();
    const row = await this.#credentials.load(scope, credentialId);
    if (row) await this.#credentials.revoke(scope, row);
  }

  async revokeOf(scope: TenantScope, model: string, credentialId: string): Promise<void> {
    await scope
      .deleteFrom('oauthArtifacts')
      .where('model', '=', model)
      .where('credentialId', '=', credentialId)
      .execute();
  }

  async #row(
    { query }: TenantScope,
    o: { model: string; column: 'idHash' | 'uidHash' | 'userCodeMac'; value: string },
  ): Promise<ArtifactRow | undefined> {
    return query
      .selectFrom('oauthArtifacts')
      .selectAll()
      .where('model', '=', o.model)
      .where(o.column, '=', o.value)
      .where('expiresAt', '>', this.#clock.now().toISOString())
      .executeTakeFirst();
  }

  async #open(scope: TenantScope, row: ArtifactRow | undefined): Promise<AdapterPayload | undefined> {
    if (!row) return undefined;
    if (row.credentialId !== null && !isOfMachine(row.model)) {
      if (!(await this.#credentials.load(scope, row.credentialId))) return undefined;
    }
    const payload = JSON.parse(this.#vault.open(row.sealedPayload, place(scope, row))) as AdapterPayload;
    return row.consumedAt === null ? payload : { ...payload, consumed: new Date(row.consumedAt).getTime() / 1000 };
  }

  async #sweep(scope: TenantScope): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#sweptMs < artifactSweepMs) return;
    this.#sweptMs = nowMs;
    await scope.deleteFrom('oauthArtifacts').where('expiresAt', '<=', this.#clock.now().toISOString()).execute();
  }

  async #trimOpen(scope: TenantScope): Promise<void> {
    const oldest = await scope.query
      .selectFrom('oauthArtifacts')
      .select('createdAt')
      .where('model', 'in', openModels)
      .orderBy('createdAt', 'desc')
      .offset(maxOpenOauthSignIns)
      .limit(1)
      .executeTakeFirst();
    if (!oldest) return;
    await scope
      .deleteFrom('oauthArtifacts')
      .where('model', 'in', openModels)
      .where('createdAt', '<=', oldest.createdAt)
      .execute();
  }

  async #trimTokens(scope: TenantScope, credentialId: string): Promise<void> {
    const oldest = await scope.query
      .selectFrom('oauthArtifacts')
      .select('createdAt')
      .where('credentialId', '=', credentialId)
      .where('model', 'in', tokenModels)
      .orderBy('createdAt', 'desc')
      .offset(maxOauthTokensOfOne)
      .limit(1)
      .executeTakeFirst();
    if (!oldest) return;
    await scope
      .deleteFrom('oauthArtifacts')
      .where('credentialId', '=', credentialId)
      .where('model', 'in', tokenModels)
      .where('createdAt', '<=', oldest.createdAt)
      .execute();
  }
}

/** It ends with a service account, and not with what a person signed in to. */
function isOfMachine(model: string): boolean {
  return model === 'ClientCredentials';
}

/** What is found by it has 126 random bits or more: nothing to guess. */
function hashOf(id: string): string {
  return hashToken(id).toString('hex');
}

function place({ tenant }: TenantScope, { model, idHash }: { model: string; idHash: string }) {
  return { tenant, kind: 'oauth', id: `${model}:${idHash}` } as const;
}
