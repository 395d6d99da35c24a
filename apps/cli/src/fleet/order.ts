import type { DefinitionStep, Step } from './plan.ts';
import type { Names } from './present-state.ts';
import type { Declaration } from './read-declaration.ts';
import type { DeclaredDefinition } from './schema.ts';

/**
 * The order in which the server takes the steps: groups before what is about them, a job before those that run after it, and a
 * computer out of its job before it comes into a policy, and the other way round.
 */
export function inOrder(
  steps: readonly Step[],
  { declaration, names }: { readonly declaration: Declaration; readonly names: Names },
): { steps: Step[]; needs: ReadonlyMap<Step, ReadonlySet<Step>> } {
  const needs = new Map(steps.map((step): [Step, ReadonlySet<Step>] => [step, new Set()]));
  const definitions = steps.filter((step) => step.kind !== 'group');
  const changing = definitions.filter(({ action }) => action !== 'take' && action !== 'release');
  const newGroups = new Map(steps.filter(isNewGroup).map((step) => [step.name, step]));
  const jobs = new Map(changing.filter(({ kind, after }) => kind === 'job' && after).map((step) => [step.name, step]));
  const followers = Map.groupBy(changing, ({ before }) => leaderOf(before?.form) ?? '');
  const leavers = new Leavers(changing, names);
  for (const step of changing) {
    const { after } = step;
    const leader = leaderOf(after);
    const found: (Step | undefined)[] = after
      ? [
          ...after.groups.map((group) => newGroups.get(group)),
          leader === undefined ? undefined : jobs.get(leader),
          ...leavers.before(step.kind, after),
        ]
      : step.kind === 'job'
        ? (followers.get(step.name) ?? [])
        : [];
    needs.set(step, new Set(found.filter((one) => one !== undefined && one !== step) as Step[]));
  }
  refuseCircles(declaration);
  return { steps: sortedByNeed(steps, needs), needs };
}

function isNewGroup(step: Step): boolean {
  return step.kind === 'group' && step.action === 'create';
}

function leaderOf(form: DeclaredDefinition | undefined): string | undefined {
  return form?.schedule.kind === 'after' ? form.schedule.job : undefined;
}

/** Deletions of groups last; else each as soon as what it needs is done. */
function sortedByNeed(steps: readonly Step[], needs: ReadonlyMap<Step, ReadonlySet<Step>>): Step[] {
  const rank = ({ kind, action }: Step): number => {
    if (kind === 'group') return action === 'delete' ? 3 : 0;
    return action === 'delete' ? 1 : 2;
  };
  const ordered = new Set<Step>();
  const open = new Set<Step>();
  const visit = (step: Step): void => {
    // Computers that change places with each other have no order that works: the server says which ones.
    if (open.has(step)) return;
    open.add(step);
    for (const need of needs.get(step) ?? []) visit(need);
    ordered.add(step);
  };
  for (const step of steps.toSorted((one, other) => rank(one) - rank(other))) visit(step);
  return [...ordered];
}

/** Adds a problem for declared jobs that run after each other in a circle. */
function refuseCircles({ jobs }: Declaration): void {
  const isGood = new Set<string>();
  for (const start of jobs.keys()) {
    const path = new Set<string>();
    for (let name: string | undefined = start; name !== undefined && !isGood.has(name); ) {
      const entry = jobs.get(name);
      if (path.has(name)) {
        entry?.report(['schedule', 'job'], 'jobs run after each other in a circle');
        break;
      }
      path.add(name);
      name = leaderOf(entry?.value);
    }
    for (const name of path) isGood.add(name);
  }
}

/** Which steps take computers out of jobs, or out of policies. */
class Leavers {
  readonly #names: Names;
  readonly #byPlace = new Map<string, DefinitionStep[]>();

  constructor(steps: readonly DefinitionStep[], names: Names) {
    this.#names = names;
    for (const step of steps)
      for (const place of step.before ? this.#wide(step.before.form) : []) {
        const leaving = this.#byPlace.get(place);
        if (leaving) leaving.push(step);
        else this.#byPlace.set(place, [step]);
      }
  }

  /** Those that have to be done before something of this kind can have these computers. */
  before(kind: DefinitionStep['kind'], after: DeclaredDefinition): DefinitionStep[] {
    const near = new Set([...this.#wide(after)].flatMap((place) => this.#byPlace.get(place) ?? []));
    return [...near].filter(
      (step) =>
        step.kind !== kind &&
        step.before &&
        this.#isInBoth(step.before.form, after) &&
        !(step.after && this.#isInBoth(step.after, after)),
    );
  }

  #isInBoth(one: DeclaredDefinition, other: DeclaredDefinition): boolean {
    return !namesOf(one).isDisjointFrom(this.#wide(other)) || !this.#wide(one).isDisjointFrom(namesOf(other));
  }

  /** With the groups that its computers are in. */
  #wide(form: DeclaredDefinition): Set<string> {
    const { agents, groupOf } = this.#names;
    const groups = form.computers.flatMap((name) => {
      const found = agents.find(name);
      return 'id' in found ? [`group ${groupOf.get(found.id) ?? ''}`] : [];
    });
    return namesOf(form).union(new Set(groups));
  }
}

function namesOf({ computers, groups }: DeclaredDefinition): Set<string> {
  return new Set([...computers.map((name) => `computer ${name}`), ...groups.map((name) => `group ${name}`)]);
}
