import { isDeepStrictEqual } from 'node:util';
import type { Path } from '@holdfast/contract/topology';
import { completeGroup, declaredDefinition, declaredGroup, sorted } from './declared-form.ts';
import { type Difference, differencesOf } from './differences.ts';
import type { Directory } from './directory.ts';
import { inOrder } from './order.ts';
import type { PresentState } from './present-state.ts';
import type { Declaration, Entry } from './read-declaration.ts';
import type { DeclaredDefinition, DeclaredGroup } from './schema.ts';

/** Something that the server has. */
export interface Present<Form> {
  /** Of a group its name. */
  readonly id: string;
  readonly name: string;
  readonly form: Form;
  /** The declaration that it is of; empty: nobody's. */
  readonly managedBy: string;
}

interface StepOf<Kind extends string, Form> {
  readonly kind: Kind;
  readonly name: string;
  /** `take`, `release`: nothing changes but which declaration it is of. */
  readonly action: 'create' | 'change' | 'delete' | 'take' | 'release';
  /** Absent where it is made. */
  readonly before?: Present<Form>;
  /** Absent where it is deleted. */
  readonly after?: Form;
  /** The declaration that it is of afterwards; empty: nobody's. */
  readonly owner: string;
  readonly differences: readonly Difference[];
}
export type GroupStep = StepOf<'group', DeclaredGroup>;
export type DefinitionStep = StepOf<'job' | 'policy', DeclaredDefinition>;
export type Step = GroupStep | DefinitionStep;

interface Named {
  readonly kind: Step['kind'];
  readonly name: string;
}

/** What has to be done so that the server has what is declared. */
export interface Plan {
  readonly declaration: string;
  /** In their order. */
  readonly steps: readonly Step[];
  /** What has to be done before a step, of what is in the plan. */
  readonly needs: ReadonlyMap<Step, ReadonlySet<Step>>;
  readonly unchanged: readonly Named[];
  /** Was declared before, is no longer, and stays. */
  readonly undeclared: readonly Named[];
}

export interface PlanOptions {
  /** What becomes of what was declared before and is no longer. */
  readonly undeclared: 'leave' | 'delete' | 'release';
  /** Also what another declaration has declared. */
  readonly takeOver: boolean;
}

/** The group that there always is: it is no declaration's, and nothing deletes it. */
const defaultGroup = 'default';

/** Throws `declaration.invalid` with all that can't be as it is declared. */
export function makePlan(declaration: Declaration, present: PresentState, options: PlanOptions): Plan {
  const known = knownOf(present);
  const resolver = new Resolver(declaration, present);
  const parts = [
    compare('group', declaration.groups, known.groups, { ...options, declaration, complete: resolver.group }),
    compare('job', declaration.jobs, known.jobs, { ...options, declaration, complete: resolver.definition }),
    compare('policy', declaration.policies, known.policies, { ...options, declaration, complete: resolver.definition }),
  ];
  const steps = parts.flatMap((part): Step[] => part.steps);
  const ordered = inOrder(steps, { declaration, names: present.names });
  declaration.problems.throwIfAny();
  return {
    declaration: declaration.name,
    ...ordered,
    unchanged: parts.flatMap(({ unchanged }) => unchanged),
    undeclared: parts.flatMap(({ undeclared }) => undeclared),
  };
}

/** What there is, as it would be declared. */
export function knownOf({ groups, jobs, policies, expected, names }: PresentState) {
  const definitions = (list: readonly (PresentState['jobs'][number] | PresentState['policies'][number])[]) =>
    list.map((one) => ({
      ...{ id: one.id, name: one.name, managedBy: one.managedBy ?? '' },
      form: declaredDefinition(one, names),
    }));
  return {
    groups: groups.map((group) => ({
      ...{ id: group.name, name: group.name, managedBy: group.managedBy ?? '' },
      form: declaredGroup(group, expected.get(group.name) ?? []),
    })),
    jobs: definitions(jobs),
    policies: definitions(policies),
  };
}

/** What of a group is not declared is not compared. */
export function asDeclared<Form extends object>(form: Form, after: Form | undefined): Form {
  if (!after || !('expected' in form) || 'expected' in after) return form;
  const { expected: _expected, ...rest } = form;
  return rest as Form;
}

interface Comparison<Form> extends PlanOptions {
  readonly declaration: Declaration;
  readonly complete: (entry: Entry<Form>, before: Form | undefined) => Form;
}

function compare<Kind extends Step['kind'], Form extends object>(
  kind: Kind,
  declared: ReadonlyMap<string, Entry<Form>>,
  present: readonly Present<Form>[],
  o: Comparison<Form>,
): { steps: StepOf<Kind, Form>[]; unchanged: Named[]; undeclared: Named[] } {
  const steps: StepOf<Kind, Form>[] = [];
  const unchanged: Named[] = [];
  const undeclared: Named[] = [];
  const byName = Map.groupBy(present, ({ name }) => name);
  const { name: declaration } = o.declaration;
  for (const [name, entry] of declared) {
    const found = chosen(byName.get(name) ?? [], { kind, entry, declaration, takeOver: o.takeOver });
    if (found === 'none of them') continue;
    const after = o.complete(entry, found?.form);
    const owner = kind === 'group' && name === defaultGroup ? '' : declaration;
    if (!found) {
      steps.push({ kind, name, action: 'create', after, owner, differences: [] });
      continue;
    }
    const before = { ...found, form: asDeclared(found.form, after) };
    const differences = differencesOf(before.form, after);
    if (differences.length > 0) steps.push({ kind, name, action: 'change', before, after, owner, differences });
    else if (found.managedBy !== owner)
      steps.push({ kind, name, action: 'take', before, after, owner, differences: [] });
    else unchanged.push({ kind, name });
  }
  for (const before of present) {
    const { name } = before;
    if (before.managedBy !== declaration || declared.has(name)) continue;
    if (o.undeclared === 'delete') steps.push({ kind, name, action: 'delete', before, owner: '', differences: [] });
    else if (o.undeclared === 'release')
      steps.push({ kind, name, action: 'release', before, after: before.form, owner: '', differences: [] });
    else undeclared.push({ kind, name });
  }
  return { steps, unchanged, undeclared };
}

/** Names of jobs and policies need not be unique: the one that the declaration has made before is meant, or the only one. */
function chosen<Form>(
  found: readonly Present<Form>[],
  o: { kind: Step['kind']; entry: Entry<Form>; declaration: string; takeOver: boolean },
): Present<Form> | 'none of them' | undefined {
  const own = found.filter(({ managedBy }) => managedBy === o.declaration);
  const [only, another] = own.length > 0 ? own : found;
  if (another) {
    const ids = found.map(({ id }) => id).join(', ');
    o.entry.report([], `${found.length} have this name (${ids}): give all but one of them another one`);
    return 'none of them';
  }
  if (only && only.managedBy !== '' && only.managedBy !== o.declaration && !o.takeOver) {
    o.entry.report(
      [],
      `${o.kind} ${o.entry.name} is of declaration ${only.managedBy}; --take-over makes it this one's`,
    );
    return 'none of them';
  }
  return only;
}

/** Makes complete what is declared: defaults, and one name for each thing that it refers to. Reports what there is not. */
class Resolver {
  readonly #declaration: Declaration;
  readonly #present: PresentState;
  readonly #groups: ReadonlySet<string>;

  constructor(declaration: Declaration, present: PresentState) {
    this.#declaration = declaration;
    this.#present = present;
    this.#groups = new Set([...declaration.groups.keys(), ...present.groups.map(({ name }) => name)]);
  }

  readonly group = (entry: Entry<DeclaredGroup>, before: DeclaredGroup | undefined): DeclaredGroup => {
    const { type } = entry.value;
    if (before && before.type !== type)
      entry.report(['type'], `group ${entry.name} is of type ${before.type}, which can not be changed to ${type}`);
    if (type !== 'individual' && entry.value.expected)
      entry.report(['expected'], 'only groups of type individual are told which computers they expect');
    return completeGroup(entry.value);
  };

  readonly definition = (
    entry: Entry<DeclaredDefinition>,
    before: DeclaredDefinition | undefined,
  ): DeclaredDefinition => {
    const { names } = this.#present;
    const { computers, groups, target, schedule, timeZone = before?.timeZone, ...rest } = entry.value;
    // What it has already it may keep, whatever has become of that.
    const one = (directory: Directory, text: string, o: { field: Path; had: boolean }): string => {
      const found = directory.find(text);
      if ('id' in found) return directory.nameOf(found.id);
      if (!o.had) entry.report(o.field, found.problem);
      return text;
    };
    if (computers.length + groups.length === 0) entry.report([], 'it needs computers or groups');
    for (const [at, group] of groups.entries())
      if (!this.#groups.has(group) && !before?.groups.includes(group))
        entry.report(['groups', at], `there is no group ${group}, and none is declared`);
    return {
      ...rest,
      ...(timeZone === undefined ? {} : { timeZone }),
      computers: sorted(
        computers.map((text, at) =>
          one(names.agents, text, { field: ['computers', at], had: before?.computers.includes(text) ?? false }),
        ),
      ),
      groups: sorted(groups),
      target:
        target.kind === 'own'
          ? {
              ...target,
              mover: one(names.movers, target.mover, {
                field: ['target', 'mover'],
                had: isDeepStrictEqual(before?.target, target),
              }),
            }
          : {
              ...target,
              repository: one(names.repositories, target.repository, {
                field: ['target', 'repository'],
                had: isDeepStrictEqual(before?.target, target),
              }),
            },
      schedule:
        schedule.kind === 'after' && !this.#declaration.jobs.has(schedule.job)
          ? {
              ...schedule,
              job: one(names.jobs, schedule.job, {
                field: ['schedule', 'job'],
                had: isDeepStrictEqual(before?.schedule, schedule),
              }),
            }
          : schedule,
    };
  };
}
