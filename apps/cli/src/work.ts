import type { ExitStatus } from '@holdfast/core';
import { Interruption } from './interruption.ts';
import { type OutputOptions, WorkView } from './output.ts';

export interface Work {
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
  readonly view: WorkView;
  /** Closed, the last first, when the work has ended in whatever way. */
  readonly resources: AsyncDisposableStack;
}

/** Runs what a command does, with Ctrl-C, progress and cleaning up; its result is the exit status. */
export async function perform(options: OutputOptions, run: (work: Work) => Promise<ExitStatus>): Promise<void> {
  using interruption = new Interruption();
  const view = new WorkView(options);
  await using resources = new AsyncDisposableStack();
  try {
    process.exitCode = await run({ signal: interruption.signal, view, resources });
  } finally {
    view.done();
  }
}
