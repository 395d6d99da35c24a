/** What planning may cost. */
export interface PlanBounds {
  readonly channels: number;
  /** Pairs of classes that are looked at for all channels together, also in vain: where each uses but a few of the others. */
  readonly pairs: number;
}

/**
 * Channels between classes of hosts. 10,000 computers that all differ, with twenty stores among which they choose, have 90,000;
 * computers alike are one class. Each costs some hundred bytes.
 */
const maxAppliedChannels = 500_000;
/** Ten seconds or more. */
const maxPairs = 200_000_000;
export const planBounds: PlanBounds = { channels: maxAppliedChannels, pairs: maxPairs };
