/** The rules of docs/invariants.md that concern a repository, by their number there. */
export const repositoryRules = {
  1: 'a pack is durable before an index names it',
  2: 'an index is durable before a snapshot relies on it',
  3: 'a snapshot is durable before it is reported',
  4: 'a snapshot is written only when every blob it uses is stored',
  5: 'what a crash leaves behind is unreferenced, never broken',
  6: 'nothing is overwritten',
  7: 'a name is the SHA-256 of the content',
  8: '`config` is created once',
  9: 'retention dates are only ever extended',
  10: 'integrity errors are never retried and always reported',
  11: 'whoever writes a repository holds a lock in it',
  12: 'nobody skips a blob that is not durable',
} as const;

export type RuleNumber = keyof typeof repositoryRules;
export const ruleNumbers: readonly RuleNumber[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

export interface Violation {
  readonly rule: RuleNumber;
  readonly what: string;
}

/** Beyond this many, more violations of one world say nothing new. */
const keptViolations = 20;

/** Counts how often each rule was put to the test, and keeps what broke one. */
export class RuleBook {
  readonly #tested = new Map<RuleNumber, number>(ruleNumbers.map((rule) => [rule, 0]));
  readonly violations: Violation[] = [];

  /** One test of a rule. */
  require(rule: RuleNumber, holds: boolean, what: () => string): void {
    this.#tested.set(rule, this.tested(rule) + 1);
    if (!holds && this.violations.length < keptViolations) this.violations.push({ rule, what: what() });
  }

  tested(rule: RuleNumber): number {
    return this.#tested.get(rule) ?? 0;
  }

  addCounts(other: RuleBook): void {
    for (const rule of ruleNumbers) this.#tested.set(rule, this.tested(rule) + other.tested(rule));
  }
}
