import { HoldfastError } from '@holdfast/core';
import type { Route } from '@holdfast/protocol';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import {
  type AccountRow,
  groupsJson,
  insertAccount,
  isFullAdministrator,
  listAccounts,
  loadAccount,
  removeAccount,
  updateAccount,
  userView,
} from '../people/accounts.ts';
import type { Approvals } from '../people/approvals.ts';
import type { Caller } from '../people/caller.ts';
import { accessView } from '../people/credentials.ts';
import { checkNewPassword } from '../people/password-rules.ts';
import type { People } from '../people/people.ts';
import { factorViews } from '../people/second-factors.ts';
import type { RestHandlers } from './rest-app.ts';
import type { Asked, RouteAnswer } from './route-runner.ts';

type UserRoutes = Extract<
  keyof RestHandlers,
  | 'users'
  | 'user'
  | 'createUser'
  | 'updateUser'
  | 'resetUser'
  | 'deleteUser'
  | 'userAccess'
  | 'revokeUserAccess'
  | 'approvals'
  | 'approveRequest'
  | 'rejectRequest'
  | 'withdrawRequest'
>;

/** Accounts of others, and what waits for a second administrator. */
export function userHandlers(o: {
  people: People;
  approvals: Approvals;
  catalogue: Catalogue;
  /** Runs an action that was approved. */
  run: (route: Route, asked: Asked) => Promise<RouteAnswer>;
}): Pick<RestHandlers, UserRoutes> {
  const { credentials, factors, hasher } = o.people;
  // Accounts belong to no group, and who is confined to some has no right to any of this.
  const wholeTenant = ({ tenant }: Caller): TenantScope => o.catalogue.tenant(tenant);

  async function view(scope: TenantScope, id: string) {
    return userView(await loadAccount(scope, id), factorViews(await factors.list(scope, id)));
  }

  function refuseOwn(caller: Caller, account: AccountRow): void {
    if (caller.accountId !== account.id) return;
    throw new HoldfastError('request.conflict', {
      message: 'That is the own account.',
      guidance: 'Change the password with `holdfast account password`; another administrator can do the rest.',
    });
  }

  return {
    users: async ({ caller }) => {
      const scope = wholeTenant(caller);
      const [rows, factorsOf] = await Promise.all([listAccounts(scope), factors.all(scope)]);
      return { users: rows.map((row) => userView(row, factorViews(factorsOf.get(row.id) ?? []))) };
    },
    user: ({ caller, params }) => view(wholeTenant(caller), params.id),
    createUser: async ({ caller, body, note, requireApproval, signal }) => {
      note({ details: { name: body.name } });
      const { name, displayName = body.name, role, groups } = body;
      checkNewPassword(body.password, { name, displayName });
      if (role === 'administrator' && groups === undefined) await requireApproval();
      const passwordHash = await hasher.hash(body.password, signal);
      const scope = wholeTenant(caller);
      const row = await insertAccount(scope, { name, displayName, role, groups, passwordHash, clock: o.people.clock });
      return view(scope, row.id);
    },
    updateUser: async ({ caller, params, body, note, requireApproval, requireUnchanged }) => {
      const scope = wholeTenant(caller);
      const before = await loadAccount(scope, params.id);
      requireUnchanged(await view(scope, params.id));
      note({ details: { name: before.name } });
      const { displayName = before.displayName, role = before.role, groups, disabled } = body;
      const wasDisabled = before.disabledAt !== null;
      const now = o.people.clock.now().toISOString();
      const after = {
        displayName,
        role,
        groupsJson: groups === undefined ? before.groupsJson : groupsJson(groups ?? undefined),
        disabledAt: (disabled ?? wasDisabled) ? (before.disabledAt ?? now) : null,
      };
      const changesRights =
        after.role !== before.role || after.groupsJson !== before.groupsJson || after.disabledAt !== before.disabledAt;
      if (changesRights) {
        refuseOwn(caller, before);
        if (isFullAdministrator(before) || isFullAdministrator(after)) await requireApproval();
      }
      await updateAccount(scope, before, after);
      if (after.disabledAt !== null) await credentials.revokeAll(scope, { accountId: before.id });
      else credentials.changed();
      return view(scope, before.id);
    },
    resetUser: async ({ caller, params, body, note, requireApproval, signal }) => {
      const scope = wholeTenant(caller);
      const account = await loadAccount(scope, params.id);
      note({ details: { name: account.name } });
      refuseOwn(caller, account);
      checkNewPassword(body.password, account);
      // Also of a disabled one: who sets it free later does not see who knows its password.
      if (isFullAdministrator({ ...account, disabledAt: null })) await requireApproval();
      const passwordHash = await hasher.hash(body.password, signal);
      await updateAccount(scope, account, { passwordHash, passwordChangeDue: 1 });
      if (body.removeSecondFactors) await factors.removeAll(scope, account.id);
      await credentials.revokeAll(scope, { accountId: account.id });
      return view(scope, account.id);
    },
    deleteUser: async ({ caller, params, note, requireApproval, requireUnchanged }) => {
      const scope = wholeTenant(caller);
      const account = await loadAccount(scope, params.id);
      requireUnchanged(await view(scope, params.id));
      note({ details: { name: account.name } });
      refuseOwn(caller, account);
      // Also of a disabled one: who sets it free later does not see who knows its password.
      if (isFullAdministrator({ ...account, disabledAt: null })) await requireApproval();
      await removeAccount(scope, account);
      credentials.changed();
      return {};
    },
    userAccess: async ({ caller, params }) => {
      const scope = wholeTenant(caller);
      await loadAccount(scope, params.id);
      const present = 'id' in caller.credential ? caller.credential.id : undefined;
      return { access: (await credentials.list(scope, params.id)).map((row) => accessView(row, present)) };
    },
    revokeUserAccess: async ({ caller, params, note }) => {
      note({ details: { access: params.accessId } });
      await credentials.revoke(wholeTenant(caller), { accountId: params.id, id: params.accessId });
      return {};
    },
    approvals: async ({ caller, query }) => ({ approvals: await o.approvals.list(caller, query.only) }),
    approveRequest: async ({ caller, params, remoteAddress, requestId, signal }) =>
      o.approvals.approve(caller, { id: params.id, remoteAddress, requestId, signal }, o.run),
    rejectRequest: async ({ caller, params }) => o.approvals.reject(caller, params.id),
    withdrawRequest: async ({ caller, params }) => o.approvals.withdraw(caller, params.id),
  };
}
