import type { FaultKind } from '@holdfast/storage/testing';
import { RuleBook, repositoryRules, ruleNumbers } from './rule-book.ts';
import type { SequenceReport } from './sequence.ts';

/** Lines of a sequence that are shown with a violation. */
const shownLines = 60;

/** What many sequences did, summed up. */
export class SimulationReport {
  readonly rules = new RuleBook();
  readonly outcomes = new Map<string, number>();
  readonly faults = new Map<FaultKind, number>();
  sequences = 0;
  crashStates = 0;
  turns = 0;
  deaths = 0;
  /** States that restic checked as well. */
  readByRestic = 0;

  add(report: SequenceReport): void {
    this.sequences += 1;
    this.crashStates += report.crashStates;
    this.turns += report.turns;
    this.deaths += report.deaths;
    this.rules.addCounts(report.rules);
    addTo(this.outcomes, report.outcomes);
    addTo(this.faults, report.faults);
  }

  lines(): readonly string[] {
    const list = (counts: ReadonlyMap<string, number>): string =>
      [...counts]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([what, count]) => `${what} ${count}`)
        .join(', ') || 'none';
    return [
      `${this.sequences} sequences, ${this.turns} turns, ${this.crashStates} states after a crash, ${this.deaths} processes died, ${this.readByRestic} states read by restic`,
      `outcomes: ${list(this.outcomes)}`,
      `faults: ${list(this.faults)}`,
      ...ruleNumbers.map((rule) => `rule ${rule} (${repositoryRules[rule]}): tested ${this.rules.tested(rule)} times`),
    ];
  }
}

/** What was broken, and how to see it again. */
export function describeViolations(report: SequenceReport): string {
  const { seed, played, rules } = report;
  return [
    `Seed ${seed} breaks ${rules.violations.length} rules of docs/invariants.md. Again: npm run simulate -- --seed ${seed} --sequences 1`,
    ...rules.violations.map(({ rule, what }) => `  rule ${rule} (${repositoryRules[rule]}): ${what}`),
    'Played:',
    ...played.slice(-shownLines).map((line) => `  ${line}`),
  ].join('\n');
}

function addTo<Key>(sums: Map<Key, number>, counts: ReadonlyMap<Key, number>): void {
  for (const [key, count] of counts) sums.set(key, (sums.get(key) ?? 0) + count);
}
