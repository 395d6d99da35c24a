import { errorTable, exitStatus, type HoldfastError } from '@holdfast/core';
import { limits } from './limits.ts';

/** Problems of single files: reported at once, the first ones kept for the summary, all counted. */
export class ProblemList {
  readonly #onProblem: ((problem: HoldfastError) => void) | undefined;
  readonly kept: HoldfastError[] = [];
  count = 0;
  /** Some problem means that the result is not complete (a file that vanished does not). */
  incomplete = false;

  constructor(onProblem: ((problem: HoldfastError) => void) | undefined) {
    this.#onProblem = onProblem;
  }

  add(problem: HoldfastError): void {
    this.count += 1;
    if (errorTable[problem.code].exit !== exitStatus.success) this.incomplete = true;
    if (this.kept.length < limits.maxProblemsKept) this.kept.push(problem);
    this.#onProblem?.(problem);
  }
}
