import {
  defaultRescanAt,
  type ExpectedComputer,
  type Group,
  type Job,
  type JobSettings,
  type Policy,
} from '@holdfast/protocol';
import type { Names } from './present-state.ts';
import type { DeclaredDefinition, DeclaredGroup } from './schema.ts';

/**
 * What there is in the form in which files declare it, and back. Of one thing there is one form: lists that have no order are
 * sorted, and everything has one name, so that forms can be compared.
 */

export function declaredGroup(group: Group, expected: readonly ExpectedComputer[]): DeclaredGroup {
  const { type, exclusions, rescanAt, enabled, csvFile } = group;
  const form = { type, exclusions, rescanAt, enabled, csvFile };
  return type === 'individual' ? { ...form, expected: expectedForm(expected) } : form;
}

/** As the group will be; of what it expects only what the file says. */
export function completeGroup(group: DeclaredGroup): DeclaredGroup {
  const { rescanAt = group.type === 'preinstalled' ? null : defaultRescanAt, expected, ...rest } = group;
  return { ...rest, rescanAt, ...(expected ? { expected: expectedForm(expected) } : {}) };
}

function expectedForm(
  computers: readonly Pick<ExpectedComputer, 'name' | 'address' | 'platform' | 'comment'>[],
): NonNullable<DeclaredGroup['expected']> {
  const unique = new Map(
    computers.map(({ name, address, platform, comment }) => {
      // The server keeps them so: host names have no case.
      const key = name.toLowerCase();
      const known = {
        ...(address === undefined ? {} : { address }),
        ...(platform === undefined ? {} : { platform }),
        ...(comment === undefined ? {} : { comment }),
      };
      return [key, { name: key, ...known }];
    }),
  );
  return [...unique.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

export function declaredDefinition(definition: Job | Policy, names: Names): DeclaredDefinition {
  const { id: _id, name: _name, managedBy: _managedBy, createdAt: _created, changedAt: _changed, ...more } = definition;
  const { nextRunAt: _next, lastSession: _last, computers, groups, target, schedule, ...settings } = more;
  return {
    ...settings,
    computers: sorted(computers.map((id) => names.agents.nameOf(id))),
    groups: sorted(groups),
    target:
      target.kind === 'own'
        ? {
            ...{ kind: 'own', name: target.name, zeroKnowledge: target.zeroKnowledge },
            mover: names.movers.nameOf(target.moverId),
          }
        : { kind: 'shared', repository: names.repositories.nameOf(target.repositoryId) },
    schedule: schedule.kind === 'after' ? { kind: 'after', job: names.jobs.nameOf(schedule.jobId) } : schedule,
  };
}

/** What the API takes. `idOf` gives the ids of what the form names; the zone, where the form has none, is the server's. */
export function settingsOf(
  { name, form }: { readonly name: string; readonly form: DeclaredDefinition },
  idOf: Readonly<Record<'agent' | 'mover' | 'repository' | 'job', (name: string) => string>>,
) {
  const { target, schedule, ...rest } = form;
  return {
    name,
    ...rest,
    computers: form.computers.map(idOf.agent),
    target: (target.kind === 'own'
      ? {
          ...{ kind: 'own', name: target.name, zeroKnowledge: target.zeroKnowledge },
          moverId: idOf.mover(target.mover),
        }
      : { kind: 'shared', repositoryId: idOf.repository(target.repository) }) satisfies JobSettings['target'],
    schedule: (schedule.kind === 'after'
      ? { kind: 'after', jobId: idOf.job(schedule.job) }
      : schedule) satisfies JobSettings['schedule'],
  };
}

export function sorted(texts: Iterable<string>): string[] {
  return [...new Set(texts)].toSorted();
}
