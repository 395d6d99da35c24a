import { findRenderer } from '@holdfast/contract/firewall';
import type { Flow, Plan } from '@holdfast/contract/plan';
import { HoldfastError, Semaphore } from '@holdfast/core';
import { Fleet, takesPart } from '../fleet.ts';
import { parallelScenarios, scenarioLimitMs } from '../limits.ts';
import { LabNetwork } from '../network.ts';
import { concerns, expectationOf, standsIn } from './expectation.ts';
import { difference } from './matrix.ts';
import type { Cell, Proof, UnusedRule } from './proof.ts';
import type { Expectation, Outcome, Scenario } from './scenario.ts';
import { scenariosOf } from './scenarios.ts';

export interface ProofOptions {
  /** A folder for the lab's computers; it must be empty, and is not removed. */
  readonly folder: string;
  /** How `holdfast` is called: the program, then its first arguments. */
  readonly program: readonly string[];
  readonly signal: AbortSignal;
  /** One line for people, whenever something is known. */
  readonly report?: (line: string) => void;
}

/**
 * Builds the computers of a plan, gives each exactly the planned rules, and runs every scenario: with all rules (they must
 * suffice, and each must have been used), and with each rule closed (what the contract names must fail or fall back, with an
 * error that names the channel, and nothing else). Where a fallback came to help, it is closed as well.
 * @throws `lab.impossible` when the lab itself fails.
 */
export async function prove(planned: Plan, options: ProofOptions): Promise<Proof> {
  const [provable, aside] = divide(planned);
  const plan = { ...planned, flows: provable };
  const { folder, program, signal, report = () => undefined } = options;
  const startedAt = new Date().toISOString();
  const places = plan.hosts
    .filter(({ managed }) => managed)
    .map(({ name, zone, addresses, seenAs }) => ({
      ...{ name, zone, addresses },
      ...(seenAs?.addresses[0] === undefined ? {} : { behind: seenAs.addresses[0] }),
    }));
  await using network = LabNetwork.build(places, { folder, program });
  const firewall = new PlannedFirewall(plan, network);
  await firewall.apply([]);
  report(`${places.length} computers with the planned rules; their roles start and join`);
  const fleet = await Fleet.start(network, plan);
  const scenarios = await scenariosOf(fleet, plan);
  const runAll = async (closed: readonly Flow[]): Promise<readonly Cell[]> => {
    const flows = { closed, open: plan.flows.filter((flow) => !closed.includes(flow)) };
    return runScenarios(scenarios, { fleet, signal, expect: (scenario) => expectationOf(scenario, flows) });
  };

  report(`${scenarios.length} scenarios with all ${plan.flows.length} rules`);
  const sufficient = await runAll([]);
  const unused = firewall.unusedRules();
  report(summary(sufficient));
  const necessary: Proof['necessary'][number][] = [];
  for (const closed of closings(plan, scenarios)) {
    signal.throwIfAborted();
    await firewall.apply(closed);
    await firewall.cut(closed);
    const cells = await runAll(closed);
    necessary.push({ closed: closed.map(({ id }) => id), channels: closed.flatMap(({ channels }) => channels), cells });
    await firewall.apply([]);
    await fleet.allOnline();
    report(`without ${closed.map(({ id }) => id).join(' and ')}: ${summary(cells)}`);
  }
  return {
    topology: plan.name,
    startedAt,
    notProven: aside.map(({ id }) => id),
    rules: plan.flows.map(({ id, channels, features }) => ({ id, channels, features })),
    scenarios: scenarios.map(({ id, needs }) => ({ id, needs })),
    sufficient,
    unused,
    necessary,
    holds:
      unused.length === 0 && [sufficient, ...necessary.map(({ cells }) => cells)].flat().every(({ holds }) => holds),
  };
}

/** The flows that somebody in a lab can use, and the others: those of the administrator, of neighbours, and of other systems. */
function divide({ flows }: Plan): readonly [readonly Flow[], readonly Flow[]] {
  const isUsed = ({ origin, from, to }: Flow): boolean =>
    origin === 'contract' && from.some(takesPart) && to.some(takesPart);
  return [flows.filter(isUsed), flows.filter((flow) => !isUsed(flow))];
}

/** What is closed at once: each flow alone, then with all that stands in for it, where something does. */
function closings(plan: Plan, scenarios: readonly Scenario[]): readonly (readonly Flow[])[] {
  return plan.flows.flatMap((flow) => {
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

async function runScenarios(
  scenarios: readonly Scenario[],
  o: { readonly fleet: Fleet; readonly signal: AbortSignal; readonly expect: (scenario: Scenario) => Expectation },
): Promise<readonly Cell[]> {
  const places = new Semaphore(parallelScenarios);
  const runLanes = async (some: readonly Scenario[]): Promise<readonly Cell[]> => {
    const lanes = Map.groupBy(some, ({ busy }) => busy);
    const done = await Promise.all(
      [...lanes.values()].map(async (lane) => {
        const cells: Cell[] = [];
        for (const scenario of lane) {
          using _ = await places.acquire(o.signal);
          cells.push(await runScenario(scenario, o));
        }
        return cells;
      }),
    );
    return done.flat();
  };
  const all = [
    ...(await runLanes(scenarios.filter(({ disturbs }) => !disturbs))),
    ...(await runLanes(scenarios.filter(({ disturbs }) => disturbs))),
  ];
  return scenarios.flatMap(({ id }) => all.filter((cell) => cell.scenario === id));
}

async function runScenario(
  scenario: Scenario,
  { fleet, signal, expect }: { fleet: Fleet; signal: AbortSignal; expect: (scenario: Scenario) => Expectation },
): Promise<Cell> {
  const limit = AbortSignal.timeout(scenarioLimitMs);
  const startedAt = performance.now();
  const expected = expect(scenario);
  let outcome: Outcome;
  try {
    outcome = await scenario.run(fleet, AbortSignal.any([signal, limit]));
  } catch (error) {
    signal.throwIfAborted();
    if (!limit.aborted) throw error;
    outcome = { kind: 'failed', message: `not over after ${scenarioLimitMs / 1000} s` };
  }
  const tookMs = Math.round(performance.now() - startedAt);
  return { scenario: scenario.id, expected, outcome, tookMs, holds: holds(expected, outcome) };
}

/** The outcome is of the expected kind, and names a channel that is blocked. */
function holds(expected: Expectation, outcome: Outcome): boolean {
  switch (outcome.kind) {
    case 'passed':
      return expected.kind === 'passed';
    case 'degraded':
      return expected.kind === 'degraded' && expected.blocked.some((id) => outcome.blocked.includes(id));
    case 'failed':
      return expected.kind === 'failed' && expected.blocked.some((id) => outcome.message.includes(id));
  }
}

function summary(cells: readonly Cell[]): string {
  const count = (kind: Outcome['kind']): number => cells.filter(({ outcome }) => outcome.kind === kind).length;
  const wrong = cells.filter((cell) => !cell.holds);
  const result = `${count('passed')} passed, ${count('degraded')} fell back, ${count('failed')} failed`;
  return wrong.length === 0
    ? `${result}, as the contract says`
    : `${result}; NOT as the contract says:${wrong.map((cell) => `\n  ${cell.scenario}: ${difference(cell)}`).join('')}`;
}

/** The rules that the plan gives each host, with some flows left out. */
class PlannedFirewall {
  readonly #plan: Plan;
  readonly #network: LabNetwork;

  constructor(plan: Plan, network: LabNetwork) {
    this.#plan = plan;
    this.#network = network;
  }

  async apply(closed: readonly Flow[]): Promise<void> {
    const plan = { ...this.#plan, flows: this.#plan.flows.filter((flow) => !closed.includes(flow)) };
    const renderer = findRenderer('nftables');
    if (!renderer) throw new HoldfastError('lab.impossible', { message: 'The renderer for nftables is missing.' });
    for (const host of this.#network.hosts) {
      const { files } = await renderer.render(plan, { host: host.name });
      for (const { content } of files) host.namespace.nft(content.toString());
    }
  }

  /** Ends the connections that were open along the flows: a firewall lets what is established go on. */
  async cut(flows: readonly Flow[]): Promise<void> {
    for (const flow of flows) {
      const ports = flow.ports.flatMap(({ from, to }) => [
        `( sport >= :${from} and sport <= :${to} )`,
        `( dport >= :${from} and dport <= :${to} )`,
      ]);
      for (const { name, addresses } of [...flow.from, ...flow.to]) {
        const others = (flow.from.some((one) => one.name === name) ? flow.to : flow.from).flatMap((one) => [
          ...one.addresses,
          ...(one.seenAs?.addresses ?? []),
        ]);
        const host = this.#network.hosts.find((one) => one.name === name);
        if (!host || addresses.length === 0) continue;
        const filter = `( ${ports.join(' or ')} ) and ( ${others.map((address) => `dst ${address}`).join(' or ')} )`;
        await host.run('ss', ['-K', '-n', flow.transport === 'tcp' ? '-t' : '-u', ...filter.split(' ')]);
      }
    }
  }

  /** Rules through which no packet came since they were applied. */
  unusedRules(): readonly UnusedRule[] {
    return this.#network.hosts.flatMap((host) => {
      const listed = JSON.parse(host.namespace.readNft('-j', 'list', 'table', 'inet', 'holdfast')) as {
        nftables: readonly {
          rule?: { chain: string; comment?: string; expr: readonly { counter?: { packets: number } }[] };
        }[];
      };
      return listed.nftables.flatMap(({ rule }) => {
        const comment = rule?.comment ?? '';
        const unused = rule?.expr.some(({ counter }) => counter?.packets === 0) ?? false;
        return unused && rule && !alwaysThere.has(comment)
          ? [{ host: host.name, chain: rule.chain, rule: comment }]
          : [];
      });
    });
  }
}

/** Rules that are not of the plan, by their comments. */
const alwaysThere: ReadonlySet<string> = new Set(['established', 'invalid', 'loopback', 'icmp', 'icmpv6', 'leased']);
