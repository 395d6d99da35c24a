import { z } from 'zod';
import { enrollableRole } from '../enrolment.ts';
import { entityId, host, isoTime, platform, port, slug } from '../names.ts';
import { route } from '../route.ts';
import { givenManagedBy, managedBy, pageOf, pageQuery, sortOrder } from './parts.ts';

/** `directory` and `cloud` have their place in the schema; no group of these types can be made yet. */
export const groupType = z.enum(['individual', 'csv', 'preinstalled', 'directory', 'cloud']);
export type GroupType = z.infer<typeof groupType>;

/** A name pattern with `*` and `?`, an address, or a range such as `10.1.0.0/16`. */
const exclusion = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[\w.*?:/-]+$/, 'a name with * and ?, an address or a range');
/** Daily, in the server's time zone. */
const rescanAt = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time such as 21:00')
  .nullable();

/** Unless it is said otherwise; groups of pre-installed computers are not rescanned. */
export const defaultRescanAt = '21:00';

export const groupSettings = {
  exclusions: z.array(exclusion).max(1000),
  /** Null: never by itself. */
  rescanAt,
  /** Nothing joins a disabled group, and it is not rescanned. */
  enabled: z.boolean(),
  /** Of a CSV group: a file below the server's `csvFolder`, read anew at each rescan. Null: the list is uploaded. */
  csvFile: z.string().min(1).max(1000).nullable(),
};

export const rescanResult = z.object({
  at: isoTime,
  /** Of the computers that the group expects. */
  expected: z.number().int(),
  enrolled: z.number().int(),
  unmanaged: z.number().int(),
  noLongerListed: z.number().int(),
  /** Rows of the file that an exclusion matches. */
  excluded: z.number().int(),
  /** Of those that are enrolled in the group. */
  computers: z.number().int(),
  online: z.number().int(),
  outOfDate: z.number().int(),
  untrusted: z.number().int(),
  /** Why the file could not be read; what was known before stays. */
  error: z.string().optional(),
});
export type RescanResult = z.infer<typeof rescanResult>;

export const group = z.object({
  name: slug,
  type: groupType,
  ...groupSettings,
  managedBy: managedBy.optional(),
  createdAt: isoTime,
  nextRescanAt: isoTime.optional(),
  lastRescan: rescanResult.optional(),
});
export type Group = z.infer<typeof group>;

/** How an expected computer is named: as it calls itself, or by its address. */
const expectedName = host.regex(/^[\w.:-]+$/, 'a host name or an address');
export const expectedFields = {
  name: expectedName,
  address: expectedName.optional(),
  platform: platform.optional(),
  comment: z.string().max(1000).optional(),
};

const expectedState = z.enum(['enrolled', 'unmanaged', 'no-longer-listed']);
const expectedComputer = z.object({
  ...expectedFields,
  group: slug,
  /** `unmanaged`: no agent of that name or address has joined. `no-longer-listed`: gone from the group's file. */
  state: expectedState,
  computerId: entityId.optional(),
  addedAt: isoTime,
  noLongerListedAt: isoTime.optional(),
});
export type ExpectedComputer = z.infer<typeof expectedComputer>;

/** What `holdfast enroll --config` reads on a computer that was installed beforehand. */
export const agentConfiguration = z.strictObject({
  version: z.literal(1),
  role: enrollableRole,
  group: slug,
  /** Tried in this order. */
  servers: z
    .array(z.strictObject({ host, enrolmentPort: port, windowsEnrolmentPort: port }))
    .min(1)
    .max(20),
  caFingerprint: z.string(),
  token: z.string(),
  expiresAt: isoTime,
});
export type AgentConfiguration = z.infer<typeof agentConfiguration>;

const byName = z.strictObject({ id: slug.describe('The name of the group') });

export const groupRoutes = {
  groups: route('groups', 'GET', '/api/v1/groups', {
    access: 'fleet.read',
    summary: 'Protection groups',
    tag: 'groups',
    query: pageQuery.extend({
      /** A part of the name. */
      text: z.string().min(1).max(100).optional(),
      type: groupType.optional(),
      /** By their names. */
      order: sortOrder.default('asc'),
    }),
    response: pageOf('groups', group),
  }),
  group: route('group', 'GET', '/api/v1/groups/{id}', {
    access: 'fleet.read',
    summary: 'A protection group',
    tag: 'groups',
    params: byName,
    response: group,
  }),
  createGroup: route('createGroup', 'POST', '/api/v1/groups', {
    access: 'groups.manage',
    summary: 'Make a protection group',
    tag: 'groups',
    audited: ['name', 'type', 'csvFile', 'rescanAt', 'enabled', 'managedBy'],
    body: z.strictObject({
      name: slug,
      type: groupType.default('individual'),
      exclusions: groupSettings.exclusions.default([]),
      /** Daily at 21:00 unless given; never for pre-installed computers. */
      rescanAt: rescanAt.optional(),
      enabled: z.boolean().default(true),
      csvFile: groupSettings.csvFile.default(null),
      managedBy: givenManagedBy,
    }),
    response: group,
  }),
  changeGroup: route('changeGroup', 'PUT', '/api/v1/groups/{id}', {
    access: 'computers.manage',
    guarded: true,
    summary: 'Change the settings of a protection group, all of them; its name and type stay',
    tag: 'groups',
    audited: ['csvFile', 'rescanAt', 'enabled', 'exclusions', 'managedBy'],
    params: byName,
    body: z.strictObject({ ...groupSettings, managedBy: givenManagedBy }),
    response: group,
  }),
  deleteGroup: route('deleteGroup', 'DELETE', '/api/v1/groups/{id}', {
    access: 'groups.manage',
    guarded: true,
    summary: 'Delete a protection group that is empty, or move its computers and repositories to another one first',
    tag: 'groups',
    params: byName,
    query: z.strictObject({ moveTo: slug.optional() }),
    response: z.object({ movedComputers: z.number().int() }),
  }),
  expectedComputers: route('expectedComputers', 'GET', '/api/v1/expected-computers', {
    access: 'fleet.read',
    summary: 'Computers that protection groups expect, and whether they have joined',
    tag: 'groups',
    query: pageQuery.extend({ group: slug.optional(), state: expectedState.optional() }),
    response: pageOf('expected', expectedComputer),
  }),
  expectComputers: route('expectComputers', 'POST', '/api/v1/groups/{id}/expected', {
    access: 'computers.manage',
    summary: 'Add computers that a group of individual computers expects; a name that it has already is changed',
    tag: 'groups',
    params: byName,
    audited: ['computers'],
    body: z.strictObject({ computers: z.array(z.strictObject(expectedFields)).min(1).max(1000) }),
    response: z.object({ changed: z.number().int() }),
  }),
  forgetExpected: route('forgetExpected', 'POST', '/api/v1/groups/{id}/forget', {
    access: 'computers.manage',
    summary: 'Expect computers no longer: of an individual group any, of a CSV group what its file lists no longer',
    tag: 'groups',
    params: byName,
    audited: ['names'],
    body: z.strictObject({ names: z.array(expectedName).min(1).max(1000) }),
    response: z.object({ changed: z.number().int() }),
  }),
  uploadCsv: route('uploadCsv', 'POST', '/api/v1/groups/{id}/csv', {
    access: 'computers.manage',
    summary: 'Give a CSV group without a file its list of computers; what it lists no longer is marked, not deleted',
    tag: 'groups',
    params: byName,
    body: z.strictObject({ content: z.string().max(2 * 1024 * 1024) }),
    response: z.object({ listed: z.number().int(), excluded: z.number().int(), noLongerListed: z.number().int() }),
  }),
  rescanGroup: route('rescanGroup', 'POST', '/api/v1/groups/{id}/rescan', {
    access: 'computers.manage',
    summary: 'Read the list of a group again and look at its computers, now. Deploys nothing',
    tag: 'groups',
    params: byName,
    response: rescanResult,
  }),
  exportGroup: route('exportGroup', 'POST', '/api/v1/groups/{id}/export', {
    access: 'computers.manage',
    summary: 'Make the configuration with which pre-installed computers join a group; it holds a join token',
    tag: 'groups',
    params: byName,
    audited: ['role', 'uses', 'lifetimeSeconds', 'servers'],
    body: z.strictObject({
      role: enrollableRole.default('agent'),
      uses: z.number().int().min(1).max(10_000).default(1),
      lifetimeSeconds: z
        .number()
        .int()
        .min(10)
        .max(30 * 86_400)
        .default(7 * 86_400),
      /** Where the computers find the server; the names that the server knows of itself if there are none. */
      servers: z.array(host).max(20).default([]),
    }),
    response: agentConfiguration,
  }),
} as const;
