import { type Clock, HoldfastError } from '@holdfast/core';
import type { RecoveryKit, recoveryKitState } from '@holdfast/protocol';
import { isKitProof, kitId } from '@holdfast/protocol/recovery-kit';
import type { Selectable } from 'kysely';
import type { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { RecoveryKitsTable } from '../catalogue/recovery-tables.ts';
import { maxFormerKits } from '../limits.ts';
import type { Vault } from '../vault.ts';

export type KitRow = Selectable<RecoveryKitsTable>;

/** The kit in force; undefined before the first. */
export async function kitInForce({ query }: TenantScope): Promise<KitRow | undefined> {
  return query.selectFrom('recoveryKits').selectAll().where('replacedAt', 'is', null).executeTakeFirst();
}

/** Throws `kit.none`. */
export async function requireKit(scope: TenantScope): Promise<KitRow> {
  const kit = await kitInForce(scope);
  if (kit) return kit;
  throw new HoldfastError('kit.none');
}

export async function kitState(scope: TenantScope): Promise<z.infer<typeof recoveryKitState>> {
  const kit = await kitInForce(scope);
  if (!kit) return 'none';
  return kit.confirmedAt === null ? 'unconfirmed' : 'confirmed';
}

/** Puts a kit in force, and the former one out of it. The same kit again changes nothing. */
export async function replaceKit(
  scope: TenantScope,
  o: { publicKey: string; authKey: string; createdBy: string; vault: Vault; clock: Clock },
): Promise<void> {
  const id = kitId(o.publicKey);
  const now = o.clock.now().toISOString();
  const place = { tenant: scope.tenant, kind: 'recovery-kit', id } as const;
  const sealedAuthKey = o.vault.seal(o.authKey, place);
  await scope.transaction(async (inner) => {
    const known = await inner.query.selectFrom('recoveryKits').selectAll().where('id', '=', id).executeTakeFirst();
    if (known?.replacedAt === null) return;
    if (known)
      throw new HoldfastError('request.conflict', {
        message: `Recovery kit ${id} was replaced on ${known.replacedAt}: it does not come back.`,
      });
    await inner.query.updateTable('recoveryKits').set({ replacedAt: now }).where('replacedAt', 'is', null).execute();
    await inner.query
      .insertInto('recoveryKits')
      .values({ id, publicKey: o.publicKey, sealedAuthKey, createdAt: now, createdBy: o.createdBy })
      .execute();
  });
}

/** What only the server and the words of the kit have. */
export function authKeyOf(row: KitRow, o: { tenant: string; vault: Vault }): string {
  return o.vault.open(row.sealedAuthKey, { tenant: o.tenant, kind: 'recovery-kit', id: row.id });
}

/** Throws `kit.none`, and `kit.other` when the proof is of other words. */
export async function confirmKit(scope: TenantScope, o: { proof: string; vault: Vault; clock: Clock }): Promise<void> {
  const kit = await requireKit(scope);
  const authKey = authKeyOf(kit, { tenant: scope.tenant, vault: o.vault });
  if (!isKitProof(o.proof, { id: kit.id, authKey }))
    throw new HoldfastError('kit.other', { message: `Those are not the words of recovery kit ${kit.id}.` });
  await scope.query
    .updateTable('recoveryKits')
    .set({ confirmedAt: o.clock.now().toISOString() })
    .where('id', '=', kit.id)
    .where('confirmedAt', 'is', null)
    .execute();
}

export async function kitView(
  scope: TenantScope,
  problems: (tenant: string) => RecoveryKit['problems'],
): Promise<RecoveryKit> {
  const kit = await kitInForce(scope);
  const former = await scope.query
    .selectFrom('recoveryKits')
    .select(['id', 'createdAt', 'replacedAt'])
    .where('replacedAt', 'is not', null)
    .orderBy('replacedAt', 'desc')
    .limit(maxFormerKits)
    .execute();
  const { fn } = scope.query;
  const initialised = scope.query
    .selectFrom('repositories')
    .select(fn.countAll<number>().as('count'))
    .where('initialisedAt', 'is not', null);
  const counted = initialised.where('zeroKnowledge', '=', 0);
  const count = async (rows: typeof counted): Promise<number> => Number((await rows.executeTakeFirstOrThrow()).count);
  return {
    ...(kit && {
      kit: {
        id: kit.id,
        publicKey: kit.publicKey,
        createdAt: kit.createdAt,
        createdBy: kit.createdBy,
        ...(kit.confirmedAt === null ? {} : { confirmedAt: kit.confirmedAt }),
      },
    }),
    former: former.map(({ replacedAt, ...rest }) => ({ ...rest, replacedAt: replacedAt ?? rest.createdAt })),
    repositories: {
      total: await count(counted),
      sealed: kit ? await count(counted.where('kitId', '=', kit.id)) : 0,
      openToFormer: await count(counted.where('formerKitKeys', '>', 0)),
      zeroKnowledge: await count(initialised.where('zeroKnowledge', '=', 1)),
    },
    problems: problems(scope.tenant),
  };
}
