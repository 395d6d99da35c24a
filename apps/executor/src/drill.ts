import { HoldfastError } from '@holdfast/core';
import { drill } from '@holdfast/engine/drill';
import type { Task, TaskOutcome } from '@holdfast/protocol/executor';
import type { Work } from './execute.ts';

/** Restores a snapshot into the sandbox and compares it. What is not as it was backed up is told, and fails the task. */
export async function drillSnapshot(task: Extract<Task, { kind: 'drill' }>, work: Work): Promise<TaskOutcome> {
  const { repository, sandbox, onProgress, onProblem } = work;
  const { clock } = repository;
  if (sandbox === undefined)
    throw new HoldfastError('request.invalid', {
      message: 'This mover has no folder for drills: it is of an older version.',
    });
  const startedMs = clock.monotonicMs();
  const limit = new AbortController();
  const done = new AbortController();
  const late = clock.sleep(task.maxMinutes * 60_000, done.signal).then(
    () =>
      limit.abort(
        new HoldfastError('drill.limit', { message: `The drill took longer than ${task.maxMinutes} minutes.` }),
      ),
    // It was done in time.
    () => undefined,
  );
  try {
    const report = await drill(repository, {
      ...task,
      sandbox,
      signal: AbortSignal.any([work.signal, limit.signal]),
      onProgress,
      onWrong: onProblem,
    });
    const { wrong, ...rest } = report;
    if (wrong > 0)
      throw new HoldfastError('drill.failed', {
        message: `${wrong} of the entries that were restored from snapshot ${report.snapshotId.slice(0, 8)} are not what was backed up; ${report.files} files are.`,
      });
    return { kind: 'drill', ...rest, seed: task.seed, durationMs: clock.monotonicMs() - startedMs };
  } finally {
    done.abort();
    await late;
  }
}
