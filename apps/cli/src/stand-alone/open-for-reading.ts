import type { Repository } from '@holdfast/repository';
import type { Work } from '../work.ts';
import { openGivenRepository } from './open-repository.ts';
import type { RepositoryOptions } from './repository-options.ts';

export interface ReadingOptions extends RepositoryOptions {
  readonly lock: boolean;
}

/** Opens the repository under a shared lock; the work must stop when the signal aborts. */
export async function openForReading(
  options: ReadingOptions,
  { signal, view, resources }: Work,
): Promise<{ readonly repository: Repository; readonly signal: AbortSignal }> {
  const repository = await openGivenRepository(options, { resources, signal });
  if (!options.lock) return { repository, signal };
  const lock = resources.use(await repository.lock({ exclusive: false, signal, onProblem: view.problem }));
  return { repository, signal: AbortSignal.any([signal, lock.signal]) };
}
