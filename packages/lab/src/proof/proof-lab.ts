import { mkdir } from 'node:fs/promises';
import type { Flow, Plan } from '@holdfast/contract/plan';
import { Semaphore } from '@holdfast/core';
import { Fleet } from '../fleet.ts';
import { parallelAtOneComputer, parallelScenarios, restartsAtOneComputer, scenarioLimitMs } from '../limits.ts';
import { NameServers, nameServerPlacesOf } from '../name-servers.ts';
import { LabNetwork, placesOf } from '../network.ts';
import { expectationOf } from './expectation.ts';
import { PlannedFirewall } from './planned-firewall.ts';
import type { Cell, UnusedRule } from './proof.ts';
import type { Expectation, Outcome, Scenario } from './scenario.ts';
import { scenariosOf } from './scenarios.ts';

/** A plan's computers with exactly its rules, their roles running, and what can be done between them. */
export class ProofLab implements AsyncDisposable {
  readonly scenarios: readonly Scenario[];
  readonly #plan: Plan;
  readonly #firewall: PlannedFirewall;
  readonly #fleet: Fleet;
  readonly #built: AsyncDisposable;

  private constructor(o: {
    readonly plan: Plan;
    readonly firewall: PlannedFirewall;
    readonly fleet: Fleet;
    readonly scenarios: readonly Scenario[];
    readonly built: AsyncDisposable;
  }) {
    this.scenarios = o.scenarios;
    this.#plan = o.plan;
    this.#firewall = o.firewall;
    this.#fleet = o.fleet;
    this.#built = o.built;
  }

  /** @throws `lab.impossible` when it cannot be built; nothing is left running then. */
  static async build(
    plan: Plan,
    options: { readonly folder: string; readonly program: readonly string[]; readonly signal: AbortSignal },
  ): Promise<ProofLab> {
    await mkdir(options.folder, { mode: 0o700 });
    await using stack = new AsyncDisposableStack();
    const network = stack.use(LabNetwork.build([...placesOf(plan), ...nameServerPlacesOf(plan)], options));
    stack.use(await NameServers.start(network, plan));
    const firewall = new PlannedFirewall(plan, network);
    await firewall.apply([]);
    const fleet = await Fleet.start(network, plan, options.signal);
    const scenarios = await scenariosOf(fleet, plan);
    options.signal.throwIfAborted();
    // From here on the lab takes it down.
    return new ProofLab({ plan, firewall, fleet, scenarios, built: stack.move() });
  }

  /** Runs every scenario with these flows closed, and opens them again. */
  async run(closed: readonly Flow[], signal: AbortSignal): Promise<readonly Cell[]> {
    const flows = { closed, open: this.#plan.flows.filter((flow) => !closed.includes(flow)) };
    await this.#firewall.apply(closed);
    await this.#firewall.cut(closed);
    const cells = await runScenarios(this.scenarios, {
      fleet: this.#fleet,
      signal,
      expect: (scenario) => expectationOf(scenario, flows),
    });
    if (closed.length > 0) {
      await this.#firewall.apply([]);
      await this.#fleet.allOnline();
    }
    return cells;
  }

  /** Rules through which no packet came since they were applied. */
  unusedRules(): readonly UnusedRule[] {
    return this.#firewall.unusedRules();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#built[Symbol.asyncDispose]();
  }
}

async function runScenarios(
  scenarios: readonly Scenario[],
  o: { readonly fleet: Fleet; readonly signal: AbortSignal; readonly expect: (scenario: Scenario) => Expectation },
): Promise<readonly Cell[]> {
  const places = new Semaphore(parallelScenarios);
  const runSome = async (some: readonly Scenario[], atOneComputer: number): Promise<readonly Cell[]> => {
    const computers = new Map(some.map(({ busy }) => [busy, new Semaphore(atOneComputer)]));
    return Promise.all(
      some.map(async (scenario) => {
        using _own = await computers.get(scenario.busy)?.acquire(o.signal);
        using _place = await places.acquire(o.signal);
        return await runScenario(scenario, o);
      }),
    );
  };
  const all = [
    ...(await runSome(
      scenarios.filter(({ restarts }) => !restarts),
      parallelAtOneComputer,
    )),
    ...(await runSome(
      scenarios.filter(({ restarts }) => restarts),
      restartsAtOneComputer,
    )),
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

/** The outcome is of the expected kind; an error names a channel that is blocked, and a warning no other. */
function holds(expected: Expectation, outcome: Outcome): boolean {
  switch (outcome.kind) {
    case 'passed':
      return expected.kind === 'passed';
    case 'degraded':
      return (
        expected.kind === 'degraded' &&
        outcome.blocked.length > 0 &&
        outcome.blocked.every((channel) => expected.blocked.some((id) => id === channel))
      );
    case 'failed':
      return (
        expected.kind === 'failed' &&
        // Whole words, because some ids begin with others.
        outcome.message.split(/[^\w-]+/).some((word) => expected.blocked.some((id) => id === word))
      );
  }
}
