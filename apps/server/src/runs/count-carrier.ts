import type { ReachedAgent } from '../computers/agent-carriers.ts';
import type { ActiveRun } from './active-run.ts';

/** Counts what carries the conversation about the task from now on, each time that it is called. */
export function countCarrier(run: ActiveRun, { peer, channel, place }: ReachedAgent): () => void {
  const before = peer.transferred;
  const count = (): void => {
    const now = peer.transferred;
    run.log.carriedBy({
      ...{ channel, ...place, connections: 1 },
      sentBytes: now.sentBytes - before.sentBytes,
      receivedBytes: now.receivedBytes - before.receivedBytes,
    });
  };
  count();
  return count;
}
