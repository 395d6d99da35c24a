import type { Clock } from '@holdfast/core';
import type { RecoveryAccesses } from '../identity/recovery-accesses.ts';
import { createRecoveryToken, pageOfRecoveryTokens } from '../identity/recovery-tokens.ts';
import { revocationPushMs } from '../limits.ts';
import type { Vault } from '../vault.ts';
import type { RestHandlers } from './rest-app.ts';

export function recoveryTokenHandlers(o: {
  accesses: RecoveryAccesses;
  vault: Vault;
  caFingerprint: string;
  /** Cuts what is open, and tells movers: resolves when they have been told. */
  revoked: () => Promise<void>;
  clock: Clock;
}): Pick<
  RestHandlers,
  'createRecoveryToken' | 'recoveryTokens' | 'revokeRecoveryToken' | 'recoveryAccesses' | 'revokeRecoveryAccess'
> {
  /** Movers that can't be reached now are told at the next contact. */
  const tell = (): Promise<void> => Promise.race([o.revoked(), o.clock.sleep(revocationPushMs)]);
  return {
    createRecoveryToken: async ({ scope, caller, body }) => {
      const { note, uses, lifetimeSeconds, ...named } = body;
      const made = await createRecoveryToken(scope, {
        ...{ named, note, uses, actor: caller.actor, lifetimeMs: lifetimeSeconds * 1000 },
        ...{ vault: o.vault, clock: o.clock },
      });
      return { ...made, caFingerprint: o.caFingerprint };
    },
    recoveryTokens: ({ scope, query }) => pageOfRecoveryTokens(scope, { ...query, clock: o.clock }),
    revokeRecoveryToken: async ({ scope, params }) => {
      const certificates = await o.accesses.revokeToken(scope, params.id);
      await tell();
      return { certificates };
    },
    recoveryAccesses: ({ scope, query }) => o.accesses.page(scope, query),
    revokeRecoveryAccess: async ({ scope, params }) => {
      await o.accesses.revoke(scope, params.id);
      await tell();
      return { certificates: 1 };
    },
  };
}
