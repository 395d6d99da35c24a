import type { Flow } from '@holdfast/contract/plan';
import { concerns } from './expectation.ts';
import type { Cell, NeedlessOpening } from './proof.ts';
import type { Scenario } from './scenario.ts';

/**
 * Openings of one closed flow that nothing needed: no scenario between the two computers stopped or fell back. A flow joins
 * openings between several pairs of computers, and being needed by one of them does not make it needed by the others.
 */
export function needlessOpenings(
  flow: Flow,
  {
    cells,
    scenarios,
  }: { readonly cells: readonly Cell[]; readonly scenarios: readonly Pick<Scenario, 'id' | 'needs'>[] },
): readonly NeedlessOpening[] {
  const stopped = new Set(cells.filter(({ outcome }) => outcome.kind !== 'passed').map(({ scenario }) => scenario));
  const needs = scenarios.filter(({ id }) => stopped.has(id)).flatMap((scenario) => scenario.needs);
  return flow.from.flatMap((from) =>
    flow.to
      .filter(({ name }) => name !== from.name)
      .filter((to) => !needs.some((need) => concerns({ ...flow, from: [from], to: [to] }, need)))
      .map((to) => ({ rule: flow.id, from: from.name, to: to.name })),
  );
}
