import { z } from 'zod';
import { entityId, isoTime } from '../names.ts';
import { route } from '../route.ts';
import { schedule } from '../schedule/schedule.ts';
import { jobListQuery, jobSettings, maxNamedComputers } from './job-routes.ts';
import { byId, countedPageOf, givenManagedBy, managedBy, pageOf, pageQuery } from './parts.ts';
import { runState } from './run-routes.ts';
import { session } from './session-routes.ts';

/**
 * All that somebody decides about a policy: what agents do by themselves, also while no server is there. As a job, but that
 * nothing comes before it and the agent dials.
 */
export const policySettings = jobSettings.omit({ direction: true }).extend({
  schedule: schedule
    .refine(({ kind }) => kind !== 'after', 'agents know nothing of other jobs: say a time')
    .default({ kind: 'manual' }),
});
export type PolicySettings = z.infer<typeof policySettings>;

const givenPolicySettings = policySettings.extend({ managedBy: givenManagedBy });

export const policy = z.object({
  ...policySettings.shape,
  id: entityId,
  managedBy: managedBy.optional(),
  createdAt: isoTime,
  changedAt: isoTime,
  /** When its schedule is due next. */
  nextRunAt: isoTime.optional(),
  /** How the last session went, or goes: of one computer, where an agent ran it by itself. */
  lastSession: session.pick({ id: true, state: true, createdAt: true, endedAt: true }).optional(),
});
export type Policy = z.infer<typeof policy>;

/** How far a policy got on one of its computers. */
const policyComputer = z.object({
  agentId: entityId,
  hostname: z.string(),
  /** When the agent got it last; never, if left out. */
  handedOutAt: isoTime.optional(),
  /** Until then the agent can go on without a contact to the server. */
  grantExpiresAt: isoTime.optional(),
  /** The last run of it there, whoever started it. */
  lastRun: z
    .object({ id: entityId, state: runState, startedAt: isoTime.optional(), endedAt: isoTime.optional() })
    .optional(),
});
export type PolicyComputer = z.infer<typeof policyComputer>;

export const policyRoutes = {
  createPolicy: route('createPolicy', 'POST', '/api/v1/policies', {
    access: 'jobs.manage',
    // As with jobs: when backups are kept for less long by it.
    approval: 'conditional',
    summary: 'Define a policy, which agents run by themselves',
    tag: 'policies',
    audited: ['name', 'computers', 'groups', 'retention', 'managedBy'],
    body: givenPolicySettings,
    response: policy,
  }),
  policies: route('policies', 'GET', '/api/v1/policies', {
    access: 'fleet.read',
    summary: 'Policies',
    tag: 'policies',
    query: jobListQuery,
    response: countedPageOf('policies', policy),
  }),
  policy: route('policy', 'GET', '/api/v1/policies/{id}', {
    access: 'fleet.read',
    summary: 'One policy',
    tag: 'policies',
    params: byId,
    response: policy,
  }),
  policyComputers: route('policyComputers', 'GET', '/api/v1/policies/{id}/computers', {
    access: 'fleet.read',
    summary: 'The computers of a policy: when each got it, and how its last run went',
    tag: 'policies',
    params: byId,
    query: pageQuery,
    response: pageOf('computers', policyComputer),
  }),
  changePolicy: route('changePolicy', 'PUT', '/api/v1/policies/{id}', {
    access: 'jobs.manage',
    guarded: true,
    approval: 'conditional',
    summary: 'Change a policy: all of it, what is left out becomes the default',
    tag: 'policies',
    params: byId,
    audited: ['name', 'computers', 'groups', 'retention', 'managedBy'],
    body: givenPolicySettings,
    response: policy,
  }),
  deletePolicy: route('deletePolicy', 'DELETE', '/api/v1/policies/{id}', {
    access: 'jobs.manage',
    guarded: true,
    approval: 'conditional',
    summary: 'Delete a policy; its sessions and snapshots stay',
    tag: 'policies',
    params: byId,
    response: z.object({}),
  }),
  runPolicy: route('runPolicy', 'POST', '/api/v1/policies/{id}/run', {
    access: 'jobs.run',
    summary: 'Run a policy now, by the server as a job, on all of its computers or on some',
    tag: 'policies',
    params: byId,
    body: z.strictObject({ computers: z.array(entityId).min(1).max(maxNamedComputers).optional() }),
    response: session,
  }),
} as const;
