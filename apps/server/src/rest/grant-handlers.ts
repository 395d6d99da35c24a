import { isIPv6 } from 'node:net';
import { type Clock, HoldfastError } from '@holdfast/core';
import type { GrantIssuer, GrantMode } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { loadUsableComputer, portOf } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import { pageOfGrants, recordGrant, revokeGrant } from '../identity/handed-grants.ts';
import { revocationPushMs } from '../limits.ts';
import { checkGrant, loadServiceAccount } from '../oauth/service-accounts.ts';
import { loadRepository, type RepositoryRow } from '../repositories.ts';
import type { RestHandlers } from './rest-app.ts';

/** Grants for programs that are not ours: for people to hand out, and for machines themselves. */
export function grantHandlers(o: {
  movers: Movers;
  grants: GrantIssuer;
  /** Whether a second administrator has to agree where backups are deleted. */
  needsApproval: (tenant: string) => Promise<boolean>;
  caPem: string;
  clock: Clock;
}): Pick<RestHandlers, 'repositoryGrant' | 'machineGrant' | 'grants' | 'revokeGrant'> {
  /** One that is listed, with all that restic needs to use it. */
  async function handOut(
    scope: TenantScope,
    given: {
      row: RepositoryRow;
      mode: GrantMode;
      lifetimeSeconds: number;
      note: string;
      actor: string;
      subject: string;
      /** Of the certificate that alone may use it. */
      fingerprint: string | undefined;
      requireRight?: (inner: TenantScope) => Promise<void>;
    },
  ) {
    const { row, mode, note, actor, subject, fingerprint, requireRight } = given;
    const lifetimeMs = given.lifetimeSeconds * 1000;
    const mover = await loadUsableComputer(scope, row.moverId, 'mover');
    const about = { repositoryId: row.id, mode, note, actor, lifetimeMs, requireRight, clock: o.clock };
    const handed = await recordGrant(scope, about);
    const grant = await o.grants.issue({
      ...{ id: handed.id, subject, tenant: scope.tenant, repository: row.name, mode },
      ...{ sessionId: undefined, fingerprint, lifetimeMs },
    });
    const host = isIPv6(mover.address) ? `[${mover.address}]` : mover.address;
    const url = `https://${host}:${portOf(mover, 'client-to-mover')}/${scope.tenant}/${row.name}/`;
    return { ...handed, grant, username: 'grant', url, caPem: o.caPem };
  }

  return {
    repositoryGrant: async ({ scope, caller, params, body, note }) => {
      const row = await loadRepository(scope, params.id);
      // It deletes whatever restic is told to, and a grant that waits for somebody can't be handed out.
      if (body.mode === 'maintain' && (await o.needsApproval(scope.tenant)))
        throw new HoldfastError('auth.forbidden', {
          message: 'A grant to maintain deletes backups, to which a second administrator has to agree here.',
          guidance: 'Delete backups through the server, or take a grant to read or to append.',
        });
      const subject = `administrator/${body.note}`;
      const given = await handOut(scope, { ...body, row, actor: caller.actor, subject, fingerprint: undefined });
      note({ details: { grant: given.id } });
      return given;
    },
    machineGrant: async ({ scope, caller, params, body, note }) => {
      if (caller.credential.kind !== 'service-account')
        throw new HoldfastError('auth.forbidden', {
          message: 'Such a grant is bound to the certificate of a service account, and given to nobody else.',
          guidance: 'People get one with `holdfast grant create --for-restic`.',
        });
      const { id, presented } = caller.credential;
      const requireRight = async (at: TenantScope): Promise<void> =>
        checkGrant(await loadServiceAccount(at, id), { repositoryId: params.id, mode: body.mode, presented });
      await requireRight(scope);
      const row = await loadRepository(scope, params.id);
      const { actor } = caller;
      const { fingerprint } = presented;
      const given = await handOut(scope, { ...body, row, actor, subject: actor, fingerprint, requireRight });
      note({ details: { grant: given.id } });
      return given;
    },
    grants: ({ scope, query }) => pageOfGrants(scope, { ...query, clock: o.clock }),
    revokeGrant: async ({ scope, params }) => {
      const repositoryId = await revokeGrant(scope, { id: params.id, clock: o.clock });
      const { moverId } = await loadRepository(scope, repositoryId);
      const told = loadUsableComputer(scope, moverId, 'mover')
        .then((mover) => o.movers.trust(scope.tenant, mover))
        .then(
          () => true,
          () => false,
        );
      // One that can't be reached now is told at the next contact; nobody has to wait for its time-out.
      const moverTold = await Promise.race([told, o.clock.sleep(revocationPushMs).then(() => false)]);
      return { moverTold };
    },
  };
}
