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

function ofBase(table: Table, base: BaseChain, packet: Packet): Outcome {
  const outcome = walk(table, base.rules, packet, 0);
  if (outcome.falls && base.policy === 'accept') outcome.accepts ??= base;
  if (outcome.falls && base.policy === 'drop') outcome.drops ??= base;
  return outcome;
}

function walk(table: Table, rules: readonly Rule[], packet: Packet, depth: number): Outcome {
  const all: Outcome = { accepts: undefined, drops: undefined, falls: false };
  for (const rule of rules) {
    const taken = applyRule(table, rule, packet, depth);
    all.accepts ??= taken.accepts;
    all.drops ??= taken.drops;
    all.falls ||= taken.returns;
    if (!taken.goesOn) return all;
  }
  all.falls = true;
  return all;
}

interface Taken {
  accepts: Decider | undefined;
  drops: Decider | undefined;
  returns: boolean;
  goesOn: boolean;
}

function applyRule(table: Table, rule: Rule, packet: Packet, depth: number): Taken {
  const taken: Taken = { accepts: undefined, drops: undefined, returns: false, goesOn: false };
  for (const step of rule.steps) {
    if (step.kind === 'test') {
      const holds = step.holds(packet);
      if (holds !== true) taken.goesOn = true;
      if (holds === false) return taken;
      continue;
    }
    const verdict = step.kind === 'verdict' ? step.verdict : step.find(packet);
    if (verdict === undefined || (verdict !== 'unknown' && verdict.kind === 'continue')) continue;
    if (verdict === 'unknown') {
      taken.accepts ??= rule;
      taken.drops ??= rule;
      taken.goesOn = true;
      continue;
    }
    follow({ table, rule, packet, depth }, verdict, taken);
    return taken;
  }
  taken.goesOn = true;
  return taken;
}

function follow(
  at: { readonly table: Table; readonly rule: Rule; readonly packet: Packet; readonly depth: number },
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
      const rules = at.table.chains.get(verdict.chain) ?? [];
      const inner = at.depth < maxJumps ? walk(at.table, rules, at.packet, at.depth + 1) : undefined;
      taken.accepts ??= inner?.accepts;
      taken.drops ??= inner?.drops;
      if (inner?.falls && verdict.kind === 'jump') taken.goesOn = true;
      if (inner?.falls && verdict.kind === 'goto') taken.returns = true;
      return;
    }
    case 'return':
    case 'continue':
      taken.returns = true;
  }
}
