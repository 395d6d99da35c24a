import type { Target } from '../target.ts';
import { createCases } from './create-cases.ts';
import { listCases } from './list-cases.ts';
import { readCases } from './read-cases.ts';
import { retentionCases } from './retention-cases.ts';

/** An empty repository to try the promises on. It is disposed after one case. */
export interface ConformanceSubject {
  readonly target: Target;
  /** Moves the clock that dates are judged by. Without it the suite waits a few seconds where time has to pass. */
  readonly advanceTime?: ((durationMs: number) => void) | undefined;
}

export interface ConformanceCase {
  /** A promise of the interface, as a sentence. */
  readonly name: string;
  /** Rejects, with an AssertionError or the target's own error, if the promise is not kept. */
  readonly run: () => Promise<void>;
}

export interface CaseDefinition {
  readonly name: string;
  readonly run: (subject: ConformanceSubject) => Promise<void>;
}

/**
 * Everything that a target promises and that can be seen from outside, one case each. What can't be seen, that 'created'
 * means durable across a power cut, is not proven here: every target has to say in its own tests what it does for it.
 */
export function conformanceTests(makeSubject: () => Promise<ConformanceSubject>): readonly ConformanceCase[] {
  return [...createCases, ...readCases, ...listCases, ...retentionCases].map(({ name, run }) => ({
    name,
    run: async () => {
      const subject = await makeSubject();
      await using _target = subject.target;
      await run(subject);
    },
  }));
}
