/** For tests of targets, here and in other packages: `import { runConformance } from '@holdfast/storage/testing'`. */
import { describe, test } from 'node:test';
import { type ConformanceSubject, conformanceTests } from './conformance/suite.ts';

export { type CallStage, type FaultInjector, noFaults, type TargetCall } from './fault-injection/fault-injector.ts';
export { FaultyTarget } from './fault-injection/faulty-target.ts';
export { type FaultKind, SeededFaults, type SeededFaultsOptions } from './fault-injection/seeded-faults.ts';
export { SeededRandom } from './fault-injection/seeded-random.ts';
export {
  SimulatedStorage,
  type SimulatedStorageOptions,
  type StorageEffect,
  type StorageState,
} from './fault-injection/simulated-storage.ts';
export { nameOfKey, objectKey, SimulatedTarget } from './fault-injection/simulated-target.ts';

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
