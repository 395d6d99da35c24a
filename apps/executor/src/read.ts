import type { Task, TaskOutcome } from '@holdfast/protocol/executor';
import type { Work } from './execute.ts';
import { writeContents } from './read-contents.ts';
import { writeListing } from './read-listing.ts';

/** Reads in the repository, under a lock, and gives what it finds as the task's output. */
export async function read({ reading }: Extract<Task, { kind: 'read' }>, given: Work): Promise<TaskOutcome> {
  const { repository } = given;
  // Confirmed before anything is given: what was given can't be taken back.
  await using lock = await repository.lock({ exclusive: false, signal: given.signal, onProblem: given.onProblem });
  let bytes = 0;
  const work: Work = {
    ...given,
    signal: AbortSignal.any([given.signal, lock.signal]),
    write: async (piece) => {
      bytes += piece.byteLength;
      await given.write(piece);
    },
  };
  if (reading.what === 'contents') await writeContents(reading, work);
  else await writeListing(reading, work);
  return { kind: 'read', bytes };
}
