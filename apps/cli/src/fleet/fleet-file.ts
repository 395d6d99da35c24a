import { isDeepStrictEqual } from 'node:util';
import { HoldfastError } from '@holdfast/core';
import { completeGroup } from './declared-form.ts';
import { knownOf, type Present } from './plan.ts';
import type { PresentState } from './present-state.ts';
import { type DeclaredDefinition, type DeclaredGroup, groupDefaults, jobDefaults } from './schema.ts';

/** What there is, as a document that declares it: without what is so by default anyway. */
export function fleetFileOf(
  present: PresentState,
  declaration: string,
): { document: object; leftOut: readonly { readonly name: string; readonly managedBy: string }[] } {
  const known = knownOf(present);
  const isOurs = ({ managedBy }: { managedBy: string }): boolean => managedBy === '' || managedBy === declaration;
  const section = <Form>(things: readonly Present<Form>[], shortest: (form: Form) => object): Map<string, object> => {
    const ours = things.filter(isOurs);
    const names = new Set<string>();
    for (const { name } of ours) {
      if (names.has(name) || name === '__proto__')
        throw new HoldfastError('request.conflict', {
          message: `More than one has the name ${name}, or none can have it: a file can't tell them apart.`,
          guidance: 'Give it another name: `holdfast job change ID --name …`, or `holdfast policy change`.',
        });
      names.add(name);
    }
    // By name, so that two exports differ only in what has changed.
    const inOrder = ours.toSorted((one, other) => (one.name < other.name ? -1 : 1));
    return new Map(inOrder.map(({ name, form }) => [name, shortest(form)]));
  };
  const sections = {
    groups: section(known.groups, shortGroup),
    jobs: section(known.jobs, shortDefinition),
    policies: section(known.policies, shortDefinition),
  };
  const filled = Object.entries(sections).filter(([, entries]) => entries.size > 0);
  return {
    document: { name: declaration, ...Object.fromEntries(filled) },
    leftOut: [...known.groups, ...known.jobs, ...known.policies].filter((one) => !isOurs(one)),
  };
}

/** Without what is so if it is not said. */
export function shortGroup(group: DeclaredGroup): object {
  const { type } = group;
  const { expected, ...rest } = without(group, completeGroup({ ...groupDefaults, type }));
  return { type, ...rest, ...(Array.isArray(expected) && expected.length > 0 ? { expected } : {}) };
}

export function shortDefinition(form: DeclaredDefinition): object {
  const { computers, groups, scope, target, schedule, ...rest } = form;
  return {
    ...(computers.length > 0 ? { computers } : {}),
    ...(groups.length > 0 ? { groups } : {}),
    ...{ scope, target },
    ...(schedule.kind === 'manual' ? {} : { schedule }),
    ...without(rest, jobDefaults({ scope, target })),
  };
}

function without(
  form: Readonly<Record<string, unknown>>,
  defaults: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(form).filter(([key, value]) => !isDeepStrictEqual(value, defaults[key])));
}
