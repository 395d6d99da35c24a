import type { Failure } from './report/results.ts';

/** A program failed, or its result is wrong. */
export class ProgramFailure extends Error {
  readonly kind: Failure['kind'];

  constructor(kind: Failure['kind'], message: string) {
    super(message);
    this.name = 'ProgramFailure';
    this.kind = kind;
  }
}
