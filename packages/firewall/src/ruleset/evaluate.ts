import { maxJumps } from '../limits.ts';
import type { BaseChain, Decider, Packet, Rule, Table, Verdict } from './ruleset.ts';

/** What becomes of a packet. `unknown`: it depends on what cannot be told from rules, such as rates and marks. */
export type Fate =
  | { readonly kind: 'passes'; readonly by: readonly Decider[] }
  | { readonly kind: 'stops'; readonly by: Decider }
  | { readonly kind: 'unknown'; readonly by: readonly Decider[] };

interface Outcome {
  accepts: Decider | undefined;
  drops: Decider | undefined;
  /** It may come to the end without a verdict. */
  falls: boolean;
}

/** A packet passes when every base chain at its hook accepts it; one that drops it is enough. */
export function evaluate(tables: readonly Table[], packet: Packet): Fate {
  const chains = tables
    .filter(({ families }) => families.includes(packet.family))
    .flatMap((table) => table.bases.map((base) => ({ table, base })))
    .filter(({ base }) => base.direction === packet.direction)
    .sort((a, b) => a.base.priority - b.base.priority);
  const by: Decider[] = [];
  let isKnown = true;
  for (const { table, base } of chains) {
    const outcome = ofBase(table, base, packet);
    if (!outcome.accepts && outcome.drops) return { kind: 'stops', by: outcome.drops };
    if (outcome.drops) {
      isKnown = false;
      by.push(outcome.drops);
    }
    if (outcome.accepts) by.push(outcome.accepts);
  }
  return isKnown ? { kind: 'passes', by } : { kind: 'unknown', by };
}

/** What one packet meets in one table. */
interface Walk {
  readonly table: Table;
  readonly packet: Packet;
  /** Chains that were walked to their ends: one that is called from many places is walked once. */
  readonly known: Map<readonly Rule[], Outcome>;
}

function ofBase(table: Table, base: BaseChain, packet: Packet): Outcome {
  const outcome = { ...walk({ table, packet, known: new Map() }, base.rules, 0) };
  if (outcome.falls && base.policy === 'accept') outcome.accepts ??= base;
  if (outcome.falls && base.policy === 'drop') outcome.drops ??= base;
  return outcome;
}

function walk(of: Walk, rules: readonly Rule[], depth: number): Outcome {
  const known = of.known.get(rules);
  if (known) return known;
  const all: Outcome = { accepts: undefined, drops: undefined, falls: false };
  let goesOn = true;
  for (const rule of rules) {
    const taken = applyRule(of, rule, depth);
    all.accepts ??= taken.accepts;
    all.drops ??= taken.drops;
    all.falls ||= taken.returns;
    goesOn = taken.goesOn;
    if (!goesOn) break;
  }
  all.falls ||= goesOn;
  of.known.set(rules, all);
  return all;
}

interface Taken {
  accepts: Decider | undefined;
  drops: Decider | undefined;
  returns: boolean;
  goesOn: boolean;
}

function applyRule(of: Walk, rule: Rule, depth: number): Taken {
  const taken: Taken = { accepts: undefined, drops: undefined, returns: false, goesOn: false };
  for (const step of rule.steps) {
    if (step.kind === 'test') {
      const holds = step.holds(of.packet);
      if (holds !== true) taken.goesOn = true;
      if (holds === false) return taken;
      continue;
    }
    const verdict = step.kind === 'verdict' ? step.verdict : step.find(of.packet);
    if (verdict === undefined || (verdict !== 'unknown' && verdict.kind === 'continue')) continue;
    if (verdict === 'unknown') {
      anyVerdict(rule, taken);
      continue;
    }
    follow({ of, rule, depth }, verdict, taken);
    return taken;
  }
  taken.goesOn = true;
  return taken;
}

function anyVerdict(rule: Rule, taken: Taken): void {
  taken.accepts ??= rule;
  taken.drops ??= rule;
  taken.goesOn = true;
}

function follow(
  at: { readonly of: Walk; readonly rule: Rule; readonly depth: number },
  verdict: Verdict,
  taken: Taken,
): void {
  switch (verdict.kind) {
    case 'accept':
      taken.accepts ??= at.rule;
      return;
    case 'drop':
      taken.drops ??= at.rule;
      return;
    case 'jump':
    case 'goto': {
      if (at.depth >= maxJumps) return anyVerdict(at.rule, taken);
      const inner = walk(at.of, at.of.table.chains.get(verdict.chain) ?? [], at.depth + 1);
      taken.accepts ??= inner.accepts;
      taken.drops ??= inner.drops;
      if (inner.falls && verdict.kind === 'jump') taken.goesOn = true;
      if (inner.falls && verdict.kind === 'goto') taken.returns = true;
      return;
    }
    case 'return':
    case 'continue':
      taken.returns = true;
  }
}
