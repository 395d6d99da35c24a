import assert from 'node:assert/strict';
import { test } from 'node:test';
import { program, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { rule10 } from './decay.ts';
import { RuleBook, ruleNumbers } from './rule-book.ts';
import { makeTemplate, playSequence } from './sequence.ts';
import { simulate } from './simulate.ts';

/** The whole test run has many minutes; this has its share. `npm run simulate` goes on for as long as one likes. */
const limitMs = 30_000;
const sequences = 400;

test('no crash, fault or other computer breaks a rule of docs/invariants.md', { timeout: 120_000 }, async (t) => {
  const report = await simulate({
    seed: 1,
    sequences,
    limitMs,
    restic: program('restic') === undefined ? undefined : { every: 80, folder: temporaryFolder(t) },
  });
  for (const line of report.lines()) t.diagnostic(line);
  for (const rule of ruleNumbers)
    if (rule !== 10) assert.ok(report.rules.tested(rule) > 0, `rule ${rule} was never tested`);
  for (const kind of ['refused', 'full', 'io', 'cut', 'lost-answer', 'delay'] as const)
    assert.ok((report.faults.get(kind) ?? 0) > 0, `the fault ${kind} never happened`);
});

test('rule 10: what is damaged is noticed, named, read once and never restored as good', async (t) => {
  const [rules, template] = [new RuleBook(), await makeTemplate()];
  for (let seed = 1; seed <= 3; seed += 1) await rule10({ seed, template, rules, damages: 5 });
  t.diagnostic(`rule 10: tested ${rules.tested(10)} times`);
  assert.deepEqual(rules.violations, []);
});

test('the same seed plays the same', async () => {
  const template = await makeTemplate();
  for (const seed of [5, 6]) {
    const [first, second] = [await playSequence({ seed, template }), await playSequence({ seed, template })];
    assert.deepEqual(first.played, second.played);
    assert.deepEqual([...first.finalState.keys()].sort(), [...second.finalState.keys()].sort());
    assert.equal(first.crashStates, second.crashStates);
  }
});

test('restic as the second reader', { skip: skipUnless({ programs: ['restic'] }) }, async (t) => {
  const report = await simulate({
    seed: 1000,
    sequences: 4,
    limitMs,
    restic: { every: 1, folder: temporaryFolder(t) },
  });
  assert.equal(report.readByRestic, 4);
});
