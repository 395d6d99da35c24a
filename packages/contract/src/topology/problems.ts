import { type ErrorCode, HoldfastError, oneLine } from '@holdfast/core';
import { maxProblems } from './limits.ts';

/** A mistake in a file. Lines and columns begin with 1. */
export interface TopologyProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What is wrong, and what was probably meant. */
  readonly message: string;
}

/** The mistakes of a topology, or of other files, in their order, up to a bound. */
export class Problems {
  readonly #code: ErrorCode;
  readonly #what: string;
  readonly #found: TopologyProblem[] = [];
  #count = 0;

  constructor({ code = 'topology.invalid', what = 'The topology' }: { code?: ErrorCode; what?: string } = {}) {
    this.#code = code;
    this.#what = what;
  }

  add(problem: TopologyProblem): void {
    this.#count += 1;
    if (this.#found.length < maxProblems) this.#found.push(problem);
  }

  get found(): readonly TopologyProblem[] {
    return this.#found;
  }

  get isFull(): boolean {
    return this.#count >= maxProblems;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Throws `topology.invalid`, or the code that was given, with all of them, if there are any. */
  throwIfAny(): void {
    if (this.#count === 0) return;
    const found = this.#found;
    const [first] = found;
    const lines = found.map(({ file, line, column, message }) => oneLine(`${file}:${line}:${column}: ${message}`));
    const more = this.#count > found.length || this.isFull ? '\n  There may be more: these are the first.' : '';
    const count = found.length === 1 ? 'one mistake' : `${found.length} mistakes`;
    throw new HoldfastError(this.#code, {
      message: `${this.#what} has ${count}:\n  ${lines.join('\n  ')}${more}`,
      context: { count: this.#count, file: first?.file, line: first?.line, column: first?.column },
    });
  }
}
