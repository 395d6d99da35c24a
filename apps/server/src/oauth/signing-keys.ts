import { generateKeyPairSync } from 'node:crypto';
import type { Clock } from '@holdfast/core';
import type { JWK } from 'oidc-provider';
import { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { readJson } from '../json-column.ts';
import { signingKeyLeadMs, signingKeyMs } from '../limits.ts';
import type { Vault } from '../vault.ts';

const storedKey = z.looseObject({
  kty: z.literal('EC'),
  kid: z.string(),
  crv: z.string(),
  x: z.string(),
  y: z.string(),
});

/**
 * The keys of ID tokens (ES256), the one that signs first. The next one is made, and published, a day before it signs, so that
 * clients and other instances know it by then; a replaced one stays published for a day, longer than what it signed is good.
 */
export async function signingKeys(scope: TenantScope, o: { vault: Vault; clock: Clock }): Promise<JWK[]> {
  const nowMs = o.clock.now().getTime();
  const ageMs = (row: { createdAt: string }): number => nowMs - new Date(row.createdAt).getTime();
  const rows = await scope.transaction(async ({ query, deleteFrom }) => {
    const present = await query.selectFrom('oauthKeys').selectAll().orderBy('createdAt', 'desc').execute();
    const replaced = present.filter((_, at) => {
      const next = present[at - 1];
      return next !== undefined && ageMs(next) >= 2 * signingKeyLeadMs;
    });
    for (const { id } of replaced) await deleteFrom('oauthKeys').where('id', '=', id).execute();
    const kept = present.filter((row) => !replaced.includes(row));
    const [newest] = kept;
    if (newest && ageMs(newest) < signingKeyMs) return kept;
    const id = crypto.randomUUID();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: id, use: 'sig', alg: 'ES256' });
    const made = await query
      .insertInto('oauthKeys')
      .values({
        id,
        sealedKey: o.vault.seal(key, { tenant: scope.tenant, kind: 'oauth-key', id }),
        createdAt: new Date(nowMs).toISOString(),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return [made, ...kept];
  });
  const [newest, ...others] = rows.map(({ id, sealedKey }) => {
    const key = o.vault.open(sealedKey, { tenant: scope.tenant, kind: 'oauth-key', id });
    return readJson(storedKey, key, 'oauthKeys.sealedKey');
  });
  if (!newest) return [];
  const [row] = rows;
  const isKnown = others.length === 0 || (row !== undefined && ageMs(row) >= signingKeyLeadMs);
  return isKnown ? [newest, ...others] : [...others, newest];
}
