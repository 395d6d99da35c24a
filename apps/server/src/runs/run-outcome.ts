import { hasCode } from '@holdfast/core';
import { parseErrorReport, type Run, reportOf, type TaskResult } from '@holdfast/protocol';
import type { ActiveRun } from './active-run.ts';

/** What a run that has come to its end is from then on. */
export function succeeded(view: Run, outcome: TaskResult): Partial<Run> {
  const degradations = [
    ...view.degradations,
    ...outcome.degradations.filter((one) => !view.degradations.some((known) => known.channel === one.channel)),
  ];
  const isClean = outcome.problemCount === 0 && degradations.length === 0;
  return {
    state: isClean ? 'succeeded' : 'warning',
    result: outcome.result,
    problems: outcome.problems,
    problemCount: outcome.problemCount,
    degradations,
  };
}

export function failed(error: unknown): Partial<Run> {
  return { state: hasCode(error, 'run.cancelled') ? 'cancelled' : 'failed', error: reportOf(error) };
}

/** The last lines of its log: how it went, and what comes of that. */
export function noteEnd({ log }: ActiveRun, ended: Run, retryAt: Date | undefined): void {
  const error = parseErrorReport(ended.error);
  const level = ended.state === 'failed' ? 'error' : ended.state === 'succeeded' ? 'info' : 'warning';
  const said = error ? `: ${error.message}` : ended.problemCount > 0 ? `, ${ended.problemCount} problems` : '';
  const facts = { state: ended.state, ...(error && { error }), ...(retryAt && { retryAt }) };
  log.note(level, `Run ended: ${ended.state}${said}`, facts);
  if (retryAt) log.note('info', `It is tried again, not before ${retryAt.toISOString()}`);
}
