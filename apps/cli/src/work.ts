import type { ExitStatus } from '@holdfast/core';
import { Interruption } from './interruption.ts';
import { type OutputOptions, readerGone, WorkView } from './output.ts';

export interface Work {
  /** Aborts on Ctrl-C, and when nobody reads what is only printed. */
  readonly signal: AbortSignal;
  readonly view: WorkView;
  /** Closed, the last first, when the work has ended in whatever way. */
  readonly resources: AsyncDisposableStack;
}

/** Runs what a command does, with Ctrl-C, progress and cleaning up; its result is the exit status. */
export async function perform(options: OutputOptions, run: (work: Work) => Promise<ExitStatus>): Promise<void> {
  using interruption = new Interruption();
  const signal = AbortSignal.any([interruption.signal, readerGone]);
  const view = new WorkView(options);
  await using resources = new AsyncDisposableStack();
  try {
    process.exitCode = await run({ signal, view, resources });
  } finally {
    view.done();
  }
}
