import {
  expectedFields,
  groupSettings,
  groupType,
  jobSettings,
  maxNamedComputers,
  schedule,
  slug,
  timeZone,
} from '@holdfast/protocol';
import { z } from 'zod';

/**
 * What a fleet file says: the fields of the REST API, with names in the place of ids. The JSON Schema for editors is made from
 * this: docs/fleet.schema.json.
 */

const { name: definitionName, target } = jobSettings.shape;
const named = z.string().min(1).max(253);
const [manual, daily, weekly, monthly, interval, , cron] = schedule.options;
const clock = [manual, daily, weekly, monthly, interval, cron] as const;
const [own] = target.options;

const declaredGroup = z.strictObject({
  type: groupType.default('individual').describe('Can not be changed once the group is there'),
  exclusions: groupSettings.exclusions.default([]).describe('Names with * and ?, addresses and ranges'),
  rescanAt: groupSettings.rescanAt
    .optional()
    .describe('Daily at 21:00 if left out, and never for pre-installed computers; null: never'),
  enabled: z.boolean().default(true),
  csvFile: groupSettings.csvFile.default(null).describe("Of a CSV group: a file below the server's csvFolder"),
  expected: z
    .array(z.strictObject(expectedFields))
    .max(10_000)
    .optional()
    .describe('Of a group of individual computers: which it expects. Left out: whichever it does'),
});

const declaredPolicy = jobSettings.omit({ name: true, direction: true }).extend({
  computers: z.array(named).max(maxNamedComputers).default([]).describe('Host names or ids of agents'),
  target: z.discriminatedUnion('kind', [
    own.omit({ moverId: true }).extend({ mover: named.describe('Host name or id') }),
    z.strictObject({ kind: z.literal('shared'), repository: named.describe('Name or id') }),
  ]),
  schedule: z.discriminatedUnion('kind', [...clock]).default({ kind: 'manual' }),
  timeZone: timeZone.optional().describe("Left out: the server's when it is made, and as it is later"),
});

const declaredJob = declaredPolicy.extend({
  direction: jobSettings.shape.direction,
  schedule: z
    .discriminatedUnion('kind', [
      ...clock,
      z.strictObject({ kind: z.literal('after'), job: definitionName.describe('Name of the other job') }),
    ])
    .default({ kind: 'manual' }),
});

export const fleetDocument = z.strictObject({
  name: slug.describe('Of the declaration: what it makes is known as its own, by this name'),
  groups: z.record(slug, declaredGroup).default({}),
  jobs: z.record(definitionName, declaredJob).default({}),
  policies: z.record(definitionName, declaredPolicy).default({}),
});
export type FleetDocument = z.output<typeof fleetDocument>;
export type DeclaredGroup = FleetDocument['groups'][string];
/** A job or a policy, which has no `direction`. */
export type DeclaredDefinition = Omit<FleetDocument['jobs'][string], 'direction'> &
  Partial<Pick<FleetDocument['jobs'][string], 'direction'>>;

/** The keys of the entries of each section. */
export const sectionKeys: Readonly<Record<string, readonly string[]>> = {
  groups: Object.keys(declaredGroup.shape),
  jobs: Object.keys(declaredJob.shape),
  policies: Object.keys(declaredPolicy.shape),
};

/** What is left out of an entry is as here. */
export const jobDefaults = (required: Pick<DeclaredDefinition, 'scope' | 'target'>) => declaredJob.parse(required);
export const groupDefaults = declaredGroup.parse({});

/** The schema for editors, as docs/fleet.schema.json has it. */
export function fleetJsonSchema(): string {
  const json = z.toJSONSchema(fleetDocument, { target: 'draft-7', io: 'input', reused: 'inline' });
  return `${JSON.stringify({ title: 'Holdfast fleet', ...json }, null, 2)}\n`;
}
