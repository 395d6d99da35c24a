import { hasCode } from '@holdfast/core';

/** Something that changes without being changed (the last session of a job) may do so in the moment of a change, but not so often. */
const maxTries = 5;

/**
 * Work that reads something and changes it, with the entity tag of what it read. When it is not so any more, all of it is done again
 * with what there is then: what somebody else has changed meanwhile is not undone.
 * @throws request.changed when the work itself finds that what it is meant for has changed (`planned` in the context)
 */
export async function guardedChange<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!hasCode(error, 'request.changed') || error.context['planned'] === true || tries === maxTries) throw error;
    }
  }
}
