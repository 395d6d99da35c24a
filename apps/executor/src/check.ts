import { HoldfastError } from '@holdfast/core';
import type { Task, TaskOutcome } from '@holdfast/protocol/executor';
import { checkRepository } from '@holdfast/repository/check';
import type { Work } from './execute.ts';

/** Checks the repository, and with `read` the contents of packs. Errors end the task as `repository.damaged`, each told before. */
export async function check({ read }: Extract<Task, { kind: 'check' }>, work: Work): Promise<TaskOutcome> {
  const { repository, onProgress, onProblem } = work;
  const startedMs = repository.clock.monotonicMs();
  const report = await repository.underLock({ exclusive: false, signal: work.signal, onProblem }, (lock) =>
    checkRepository(repository, {
      readData: read === 'nothing' ? undefined : 'packs',
      subset: typeof read === 'string' ? undefined : { kind: 'part', ...read },
      signal: AbortSignal.any([work.signal, lock.signal]),
      onProgress: ({ phase, done, total, bytesDone, bytesTotal }) =>
        onProgress({
          phase,
          filesDone: done,
          bytesDone,
          ...(total === undefined ? {} : { filesTotal: total }),
          ...(bytesTotal === undefined ? {} : { bytesTotal }),
        }),
    }),
  );
  for (const { severity, object, message } of report.problems)
    if (severity === 'error') onProblem(new HoldfastError('repository.damaged', { message: `${object}: ${message}` }));
  if (report.errors > 0)
    throw new HoldfastError('repository.damaged', {
      message: `The check found ${report.errors} ${report.errors === 1 ? 'error' : 'errors'} in the repository.`,
      guidance: `Delete nothing by hand. ${report.suggestRepairIndex ? 'Begin with `holdfast repair index`. ' : ''}The damaged objects are in the problems of this run.`,
    });
  return {
    kind: 'check',
    snapshots: report.snapshots,
    packs: report.packs,
    blobs: report.blobs,
    trees: report.trees,
    bytesRead: report.bytesRead,
    warnings: report.warnings,
    durationMs: repository.clock.monotonicMs() - startedMs,
  };
}
