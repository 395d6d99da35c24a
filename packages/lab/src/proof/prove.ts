import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Flow, Plan, PlannedHost } from '@holdfast/contract/plan';
import { HoldfastError } from '@holdfast/core';
import { takesPart } from '../fleet.ts';
import { hostBytes, labsPerProcessor, maxLabs } from '../limits.ts';
import { isNameServer } from '../name-servers.ts';
import { concerns, standsIn } from './expectation.ts';
import { difference } from './matrix.ts';
import { needlessOpenings } from './needless.ts';
import type { Cell, Proof } from './proof.ts';
import { ProofLab } from './proof-lab.ts';
import type { Outcome, Scenario } from './scenario.ts';

export interface ProofOptions {
  /** A folder for the labs; it must be empty, and is not removed. */
  readonly folder: string;
  /** How `holdfast` is called: the program, then its first arguments. */
  readonly program: readonly string[];
  readonly signal: AbortSignal;
  /** How many labs stand side by side, each with all computers of the plan: closed rules mostly make programs wait. */
  readonly labs: number;
  /** Ids of the flows that are closed. Unset: every one. */
  readonly only?: readonly string[];
  /** One line for people, whenever something is known. */
  readonly report?: (line: string) => void;
}

/**
 * Builds the computers of a plan, gives each exactly the planned rules, and runs every scenario: with all rules (they must
 * suffice, and each must have been used), and with each rule closed (what the contract names must fail or fall back, with an
 * error that names the channel, and nothing else). Where a fallback came to help, it is closed as well.
 * @throws `lab.impossible` when a lab itself fails, `usage.option` for a flow of `only` that the plan does not have. Nothing is
 * left running.
 */
export async function prove(planned: Plan, options: ProofOptions): Promise<Proof> {
  const [provable, aside] = divide(planned);
  const plan = { ...planned, flows: provable };
  const chosen = choose(plan, options.only);
  const { report = () => undefined } = options;
  const startedAt = new Date().toISOString();
  // The first lab that fails ends the work of the others.
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  await using labs = new AsyncDisposableStack();
  const build = async (number: number): Promise<ProofLab> => {
    const folder = join(options.folder, `${number}`);
    return labs.use(await ProofLab.build(plan, { folder, program: options.program, signal }));
  };

  report(
    `${plan.hosts.filter(({ managed }) => managed).length} computers with the planned rules; their roles start and join`,
  );
  const first = await build(1);
  report(`${first.scenarios.length} scenarios with all ${plan.flows.length} rules`);
  const sufficient = await first.run([], signal);
  const unused = first.unusedRules();
  report(summary(sufficient));

  const closings = closingsOf(plan, { chosen, scenarios: first.scenarios });
  const necessary: Proof['necessary'][number][] = [];
  const waiting = [...closings.entries()];
  let done = 0;
  const work = async (lab: ProofLab): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, closed] = next;
      const ids = closed.map(({ id }) => id);
      const cells = await lab.run(closed, signal);
      necessary[index] = { closed: ids, channels: closed.flatMap(({ channels }) => channels), cells };
      done += 1;
      report(`${done}/${closings.length} without ${ids.join(' and ')}: ${summary(cells)}`);
    }
  };
  const stopAll = (error: unknown): void => over.abort(error);
  const working = [work(first).catch(stopAll)];
  // One is built after the other: that takes processor time, of which those that work already need some.
  for (let number = 2; number <= options.labs && waiting.length > 0 && !signal.aborted; number += 1)
    await build(number).then((lab) => working.push(work(lab).catch(stopAll)), stopAll);
  await Promise.all(working);
  signal.throwIfAborted();
  const needless = closings.flatMap(([flow, ...others], index) => {
    const cells = necessary[index]?.cells;
    return flow && cells && others.length === 0 ? needlessOpenings(flow, { cells, scenarios: first.scenarios }) : [];
  });
  return {
    topology: plan.name,
    startedAt,
    notProven: aside.map(({ id }) => id),
    notClosed: plan.flows.filter((flow) => !chosen.includes(flow)).map(({ id }) => id),
    rules: plan.flows.map(({ id, channels, features }) => ({ id, channels, features })),
    scenarios: first.scenarios.map(({ id, needs }) => ({ id, needs })),
    sufficient,
    unused,
    necessary,
    needless,
    holds:
      unused.length === 0 &&
      needless.length === 0 &&
      [sufficient, ...necessary.map(({ cells }) => cells)].flat().every(({ holds }) => holds),
  };
}

/** How many labs of a plan this computer has processors and memory for; half of the memory is left to others. */
export function labsFor({ hosts }: Plan): number {
  const labBytes = hosts.filter(({ managed }) => managed).length * hostBytes;
  const fitting = Math.min(
    availableParallelism() * labsPerProcessor,
    Math.floor(process.availableMemory() / 2 / labBytes),
  );
  return Math.max(1, Math.min(fitting, maxLabs));
}

/** @throws `usage.option` for an id that no flow has. */
function choose({ flows }: Plan, only: readonly string[] | undefined): readonly Flow[] {
  if (only === undefined) return flows;
  const unknown = only.find((id) => !flows.some((flow) => flow.id === id));
  if (unknown === undefined) return flows.filter(({ id }) => only.includes(id));
  throw new HoldfastError('usage.option', {
    message: `No rule that can be proven is called ${unknown}. There are: ${flows.map(({ id }) => id).join(', ')}.`,
  });
}

/** The flows that somebody in a lab can use, and the others: those of the administrator, of neighbours, and of other systems. */
function divide({ flows, hosts }: Plan): readonly [readonly Flow[], readonly Flow[]] {
  const hasName = hosts.some(({ roles, names }) => roles.includes('backup-server') && names.length > 0);
  const answers = (host: PlannedHost): boolean => takesPart(host) || (hasName && isNameServer(host));
  const isUsed = ({ origin, from, to }: Flow): boolean =>
    origin === 'contract' && from.some(takesPart) && to.some(answers);
  return [flows.filter(isUsed), flows.filter((flow) => !isUsed(flow))];
}

/** What is closed at once: each flow alone, then with all that stands in for it, where something does. */
function closingsOf(
  plan: Plan,
  { chosen, scenarios }: { readonly chosen: readonly Flow[]; readonly scenarios: readonly Scenario[] },
): readonly (readonly Flow[])[] {
  return chosen.flatMap((flow) => {
    const needs = scenarios.flatMap((scenario) => scenario.needs.filter((need) => concerns(flow, need)));
    const others = plan.flows.filter(
      (other) =>
        other !== flow &&
        flow.channels.some((id) => standsIn(other, id)) &&
        needs.some((need) => concerns(other, need)),
    );
    return others.length === 0 ? [[flow]] : [[flow], [flow, ...others]];
  });
}

function summary(cells: readonly Cell[]): string {
  const count = (kind: Outcome['kind']): number => cells.filter(({ outcome }) => outcome.kind === kind).length;
  const wrong = cells.filter((cell) => !cell.holds);
  const result = `${count('passed')} passed, ${count('degraded')} fell back, ${count('failed')} failed`;
  return wrong.length === 0
    ? `${result}, as the contract says`
    : `${result}; NOT as the contract says:${wrong.map((cell) => `\n  ${cell.scenario}: ${difference(cell)}`).join('')}`;
}
