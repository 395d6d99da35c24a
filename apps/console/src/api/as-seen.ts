import type { Answer } from '@holdfast/protocol';
import { tagged } from './call.ts';
import { ApiProblem } from './problem.ts';

/** What people change, and the server notes in it by itself, at any time: that is no change of somebody else. */
const notedByServer = {
  job: ['nextRunAt', 'lastSession'],
  policy: ['nextRunAt', 'lastSession'],
  group: ['nextRescanAt', 'lastRescan'],
  user: ['lastSignInAt', 'passwordChangeDue', 'secondFactors'],
} as const;
export type Changeable = keyof typeof notedByServer;

/**
 * Changes or deletes something only as it was when the person began: `seen` is what was on the screen then. Throws
 * `request.changed`, and does nothing, where somebody else has changed it since.
 */
export async function ifAsSeen<Result>(
  { of, id, seen }: { readonly of: Changeable; readonly id: string; readonly seen: Answer<Changeable> },
  change: (guard: { readonly params: { readonly id: string }; readonly ifMatch: string }) => Promise<Result>,
): Promise<Result> {
  const params = { id };
  const { answer, tag } = await tagged(of, { params });
  const decidedBy = (one: object): string =>
    JSON.stringify(Object.entries(one).filter(([key]) => !notedByServer[of].some((noted) => noted === key)));
  if (decidedBy(answer) !== decidedBy(seen))
    throw new ApiProblem({ code: 'request.changed', status: 412, message: '' });
  return change({ params, ifMatch: tag });
}
