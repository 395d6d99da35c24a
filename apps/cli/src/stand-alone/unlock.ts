import { type ExitStatus, exitStatus, type HoldfastError } from '@holdfast/core';
import { removeLocks } from '@holdfast/repository/locks';
import type { UnlockOptions } from '../commands/unlock.ts';
import { counted, print, printJson } from '../output.ts';
import type { Work } from '../work.ts';
import { openGivenRepository } from './open-repository.ts';

export async function runUnlock(options: UnlockOptions, { signal, view, resources }: Work): Promise<ExitStatus> {
  const repository = await openGivenRepository(options, { resources, signal });
  let problems = 0;
  const onProblem = (problem: HoldfastError): void => {
    problems += 1;
    view.problem(problem);
  };
  const removed = await removeLocks(repository, { all: options.removeAll === true, onProblem, signal });
  if (options.json) await printJson({ kind: 'unlock', removed });
  else if (!options.quiet && removed > 0) await print(`successfully removed ${counted(removed, 'lock')}\n`);
  return problems === 0 ? exitStatus.success : exitStatus.incomplete;
}
