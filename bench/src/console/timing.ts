import { cpuOfProcessesMs } from '../measure/process-tree.ts';

/** What one step took each time: from asking to the whole answer, and of processors by the processes that work for it. */
export interface Timing {
  readonly what: string;
  readonly wallMs: readonly number[];
  /** Nothing where the system does not tell. */
  readonly processorMs: readonly number[];
}

/** Times the steps of several rounds, each by its name. */
export class Timings {
  readonly #steps = new Map<string, { readonly wallMs: number[]; readonly processorMs: number[] }>();

  /** `processes`: those that work for it, looked for before and after. */
  async time<Result>(what: string, work: () => Promise<Result>, processes: () => readonly number[]): Promise<Result> {
    const step = this.#steps.get(what) ?? { wallMs: [], processorMs: [] };
    this.#steps.set(what, step);
    const before = cpuOfProcessesMs(processes());
    const startedMs = performance.now();
    const result = await work();
    step.wallMs.push(performance.now() - startedMs);
    const after = cpuOfProcessesMs(processes());
    if (before !== undefined && after !== undefined) step.processorMs.push(after - before);
    return result;
  }

  get all(): readonly Timing[] {
    return [...this.#steps].map(([what, times]) => ({ what, ...times }));
  }
}
