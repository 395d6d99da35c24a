/** What can be wrong on a host. */
export const findingKinds = {
  'opening-missing': 'The plan needs it and the firewall stops it.',
  'opening-uncertain': 'Whether the firewall lets it through depends on more than rules.',
  'opening-wide': 'A rule that the plan needs lets more through than the plan does.',
  'rule-unknown': 'A rule lets something through of which the plan knows nothing.',
  'open-by-default': 'The firewall lets through what no rule mentions.',
  'opening-unused': 'No packet has come through it yet.',
  'listener-missing': 'A service that others connect to does not listen.',
  'listener-foreign': 'Another program listens on a port of ours.',
  'listener-unplanned': 'A process of Holdfast listens where the plan knows nothing.',
  'bind-wide': 'A service listens on more addresses than it needs to.',
  'peer-unknown': 'A connection of ours has somebody at its other end whom the plan does not allow.',
} as const;

export type FindingKind = keyof typeof findingKinds;

export interface Finding {
  readonly kind: FindingKind;
  /** What it is about: an opening, a rule or a socket. */
  readonly subject: string;
  readonly message: string;
  /** What to do about it. */
  readonly advice: string;
}
