import { occurrencesWithin, type Routes } from '@holdfast/protocol';
import type { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { JobKind } from '../catalogue/schema.ts';
import { checkReferences, type PlannedSettings } from './check-settings.ts';
import { computersOf } from './job-computers.ts';
import { checkOtherKind } from './other-kind.ts';

const shownTimes = 5;
/** Every schedule by the calendar comes within a year. */
const searchedMs = 400 * 86_400_000;

/** What settings come to that are not kept yet. Throws as `createJob` would, as far as they are given. */
export async function checkPlannedJob(
  scope: TenantScope,
  { kind, settings }: { readonly kind: JobKind; readonly settings: PlannedSettings },
  now: Date,
): Promise<z.input<Routes['checkJob']['response']>> {
  await checkReferences(scope, { kind, settings });
  await checkOtherKind(scope, { kind, settings });
  const computers = await computersOf(scope, settings);
  const within = { after: now, until: new Date(now.getTime() + searchedMs), limit: shownTimes };
  const due = settings.enabled ? occurrencesWithin(settings, within) : [];
  return { computers: computers.length, due: due.map((each) => each.toISOString()) };
}
