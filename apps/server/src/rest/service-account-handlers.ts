import type { Clock } from '@holdfast/core';
import type { CertificateAuthority } from '../authority/certificate-authority.ts';
import { revocationPushMs } from '../limits.ts';
import {
  createServiceAccount,
  deleteServiceAccount,
  loadServiceAccount,
  pageOfServiceAccounts,
  setCertificates,
} from '../oauth/service-accounts.ts';
import type { Credentials } from '../people/credentials.ts';
import type { RestHandlers } from './rest-app.ts';

/** Accounts of machines. */
export function serviceAccountHandlers(o: {
  authority: Pick<CertificateAuthority, 'issue'>;
  credentials: Credentials;
  /** Tells movers of grants that are no longer good. */
  revoked: () => Promise<void>;
  clock: Clock;
}): Pick<
  RestHandlers,
  'createServiceAccount' | 'serviceAccounts' | 'setServiceAccountCertificates' | 'deleteServiceAccount'
> {
  const isOfEverything = ({ role, groups }: { role?: string | null | undefined; groups?: unknown }): boolean =>
    role === 'administrator' && (groups ?? null) === null;
  /** Movers that can't be reached now are told at the next contact. */
  const tellMovers = async (): Promise<void> => {
    await Promise.race([o.revoked(), o.clock.sleep(revocationPushMs)]);
  };
  return {
    createServiceAccount: async ({ scope, caller, body, requireApproval }) => {
      if (isOfEverything(body)) await requireApproval();
      const { name, role, groups, grants, computerId, ...source } = body;
      return createServiceAccount(scope, {
        ...{ name, role, groups, grants, computerId, source, actor: caller.actor },
        ...{ authority: o.authority, clock: o.clock },
      });
    },
    serviceAccounts: ({ scope, query }) => pageOfServiceAccounts(scope, query),
    setServiceAccountCertificates: async ({ scope, params, body, note, requireApproval }) => {
      const row = await loadServiceAccount(scope, params.id);
      note({ details: { name: row.name } });
      if (isOfEverything({ role: row.role, groups: row.groupsJson })) await requireApproval();
      const { authority, clock } = o;
      const { account, areGrantsRevoked } = await setCertificates(scope, { row, source: body, authority, clock });
      o.credentials.changed();
      if (areGrantsRevoked) await tellMovers();
      return account;
    },
    deleteServiceAccount: async ({ scope, params, note }) => {
      const row = await loadServiceAccount(scope, params.id);
      note({ details: { name: row.name } });
      await deleteServiceAccount(scope, { row, clock: o.clock });
      o.credentials.changed();
      await tellMovers();
      return {};
    },
  };
}
