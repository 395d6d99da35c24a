import { z } from 'zod';
import { errorReport } from '../error-report.ts';
import { entityId, isoTime } from '../names.ts';
import { personRole } from '../permissions.ts';
import { route } from '../route.ts';
import { access, accountName, groups, user } from './account-routes.ts';
import { byId, text } from './parts.ts';

/** Chosen by an administrator: it has to be changed at the first sign-in. */
const firstPassword = z.string().min(1).max(1024);

export const approval = z.object({
  id: entityId,
  /** Id of the route that was called. */
  action: z.string(),
  subject: z.string(),
  /** Path, query and body of the request, without what is secret. */
  request: z.record(z.string(), z.unknown()),
  requestedBy: z.string(),
  requestedAt: isoTime,
  expiresAt: isoTime,
  /** `running`: approved, and being done. `failed`: approved, and refused or broken off when it was done. */
  state: z.enum(['waiting', 'running', 'approved', 'failed', 'rejected', 'withdrawn', 'expired']),
  decidedBy: z.string().optional(),
  decidedAt: isoTime.optional(),
  error: errorReport.optional(),
});
export type Approval = z.infer<typeof approval>;

/** What becomes of administrators, and who becomes one, another administrator has to agree to: else one could be two. */
export const userRoutes = {
  users: route('users', 'GET', '/api/v1/users', {
    access: 'people.manage',
    summary: 'Accounts',
    tag: 'people',
    response: z.object({ users: z.array(user) }),
  }),
  user: route('user', 'GET', '/api/v1/users/{id}', {
    access: 'people.manage',
    summary: 'One account',
    tag: 'people',
    params: byId,
    response: user,
  }),
  createUser: route('createUser', 'POST', '/api/v1/users', {
    access: 'people.manage',
    approval: 'conditional',
    stepUp: true,
    summary: 'Make an account; its password has to be changed at the first sign-in',
    tag: 'people',
    audited: ['name', 'displayName', 'role', 'groups'],
    body: z.strictObject({
      name: accountName,
      displayName: text.optional(),
      role: personRole,
      groups: groups.optional(),
      password: firstPassword,
    }),
    response: user,
  }),
  updateUser: route('updateUser', 'PUT', '/api/v1/users/{id}', {
    access: 'people.manage',
    guarded: true,
    approval: 'conditional',
    stepUp: true,
    summary: 'Change what an account may do; takes effect at once',
    tag: 'people',
    audited: ['displayName', 'role', 'groups', 'disabled'],
    params: byId,
    body: z.strictObject({
      displayName: text.optional(),
      role: personRole.optional(),
      /** null: all groups. */
      groups: groups.nullable().optional(),
      disabled: z.boolean().optional(),
    }),
    response: user,
  }),
  resetUser: route('resetUser', 'POST', '/api/v1/users/{id}/reset', {
    access: 'people.manage',
    approval: 'conditional',
    stepUp: true,
    summary:
      'Set a password that has to be changed, and remove the second factors if asked to; ends all sessions and API tokens',
    tag: 'people',
    audited: ['removeSecondFactors'],
    params: byId,
    body: z.strictObject({ password: firstPassword, removeSecondFactors: z.boolean().default(false) }),
    response: user,
  }),
  deleteUser: route('deleteUser', 'DELETE', '/api/v1/users/{id}', {
    access: 'people.manage',
    guarded: true,
    approval: 'conditional',
    stepUp: true,
    summary: 'Delete an account; what it did stays in the audit',
    tag: 'people',
    params: byId,
    response: z.object({}),
  }),
  userAccess: route('userAccess', 'GET', '/api/v1/users/{id}/access', {
    access: 'people.manage',
    summary: 'Sessions and API tokens of an account',
    tag: 'people',
    params: byId,
    response: z.object({ access: z.array(access) }),
  }),
  revokeUserAccess: route('revokeUserAccess', 'DELETE', '/api/v1/users/{id}/access/{accessId}', {
    access: 'people.manage',
    summary: 'End a session or API token of an account, at once',
    tag: 'people',
    params: z.strictObject({ id: entityId, accessId: entityId }),
    response: z.object({}),
  }),

  approvals: route('approvals', 'GET', '/api/v1/approvals', {
    access: 'account.manage',
    summary: 'What waits for a second administrator, and what was decided: all for administrators, else the own ones',
    tag: 'approvals',
    query: z.strictObject({ only: z.enum(['waiting', 'all']).default('waiting') }),
    response: z.object({ approvals: z.array(approval) }),
  }),
  approveRequest: route('approveRequest', 'POST', '/api/v1/approvals/{id}/approve', {
    access: 'approvals.decide',
    stepUp: true,
    summary: 'Agree: the action is done now, as it was asked for',
    tag: 'approvals',
    params: byId,
    response: approval,
  }),
  rejectRequest: route('rejectRequest', 'POST', '/api/v1/approvals/{id}/reject', {
    access: 'approvals.decide',
    summary: 'Refuse',
    tag: 'approvals',
    params: byId,
    response: approval,
  }),
  withdrawRequest: route('withdrawRequest', 'POST', '/api/v1/approvals/{id}/withdraw', {
    access: 'account.manage',
    summary: 'Take back what one asked for',
    tag: 'approvals',
    params: byId,
    response: approval,
  }),
} as const;
