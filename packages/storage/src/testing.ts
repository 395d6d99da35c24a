/** For tests of targets, here and in other packages: `import { runConformance } from '@holdfast/storage/testing'`. */
import { describe, test } from 'node:test';
import { type ConformanceSubject, conformanceTests } from './conformance/suite.ts';

export interface RunConformanceOptions {
  /** The reason to skip all of it, or false. */
  readonly skip?: string | false;
}

/** Runs the conformance suite under `node:test`, one test a promise. */
export function runConformance(
  what: string,
  makeSubject: () => Promise<ConformanceSubject>,
  options: RunConformanceOptions = {},
): void {
  describe(`${what} keeps the promises of a target`, { skip: options.skip ?? false }, () => {
    for (const { name, run } of conformanceTests(makeSubject)) test(name, run);
  });
}
