import { cpuOfProcessesMs } from '../measure/process-tree.ts';

/** What one step took each time: from asking to the whole answer, and of processors by the processes that work for it. */
export interface Timing {
  readonly what: string;
  readonly wallMs: readonly number[];
  /** The longest time in which a page answered nothing, of those of 50 ms and more that browsers report; 0: none. Of pages only. */
  readonly longestTaskMs: readonly number[];
  /** Nothing where the system does not tell. */
  readonly processorMs: readonly number[];
}

/** What a page says of a step itself. */
export interface PageStep {
  /** Until it was painted. */
  readonly wallMs: number;
  readonly longestTaskMs: number;
}

/** Times the steps of several rounds, each by its name. `processes`: those that work for them, looked for before and after. */
export class Timings {
  readonly #steps = new Map<string, { wallMs: number[]; longestTaskMs: number[]; processorMs: number[] }>();

  /** From the call to the end of the work. */
  async time<Result>(what: string, work: () => Promise<Result>, processes: () => readonly number[]): Promise<Result> {
    let startedMs = 0;
    const begin = (): Promise<Result> => {
      startedMs = performance.now();
      return work();
    };
    return await this.#add(what, begin, { processes, wallMs: () => performance.now() - startedMs });
  }

  /** As the page itself has measured. */
  async timePage<Step extends PageStep>(
    what: string,
    work: () => Promise<Step>,
    processes: () => readonly number[],
  ): Promise<Step> {
    const step = await this.#add(what, work, { processes, wallMs: ({ wallMs }) => wallMs });
    this.#steps.get(what)?.longestTaskMs.push(step.longestTaskMs);
    return step;
  }

  get all(): readonly Timing[] {
    return [...this.#steps].map(([what, times]) => ({ what, ...times }));
  }

  async #add<Result>(
    what: string,
    work: () => Promise<Result>,
    o: { readonly processes: () => readonly number[]; readonly wallMs: (result: Result) => number },
  ): Promise<Result> {
    const step = this.#steps.get(what) ?? { wallMs: [], longestTaskMs: [], processorMs: [] };
    this.#steps.set(what, step);
    const before = cpuOfProcessesMs(o.processes());
    const result = await work();
    step.wallMs.push(o.wallMs(result));
    const after = cpuOfProcessesMs(o.processes());
    if (before !== undefined && after !== undefined) step.processorMs.push(after - before);
    return result;
  }
}
