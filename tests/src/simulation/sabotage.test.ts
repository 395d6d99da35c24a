import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rule10 } from './decay.ts';
import { backup, restore } from './operations.ts';
import { RuleBook } from './rule-book.ts';
import { defects } from './sabotage.ts';
import { makeTemplate, playSequence } from './sequence.ts';

/** The simulation can find what it looks for: each defect is found by the rule that forbids it, and nothing without one. */

const mostSequences = 12;
const template = await makeTemplate();
const options = { template, steps: 4, calm: true };

for (const { rule, what, sabotage, operation } of defects) {
  test(`rule ${rule} is found broken when ${what}`, async () => {
    const operations = operation === undefined ? [backup, restore] : [backup, operation];
    for (let seed = 1; seed <= mostSequences; seed += 1) {
      const { rules } = await playSequence({ ...options, seed, sabotage, operations });
      if (rules.violations.some((violation) => violation.rule === rule)) return;
    }
    assert.fail('not found');
  });
}

test('rule 10 is found broken when nobody reads the packs', async () => {
  const rules = new RuleBook();
  for (let seed = 1; seed <= mostSequences; seed += 1) {
    await rule10({ seed, template, rules, damages: 6, readsData: false });
    if (rules.violations.some(({ what }) => what.includes('check did not notice'))) return;
  }
  assert.fail('not found');
});

test('nothing is found without a defect', async () => {
  for (let seed = 1; seed <= mostSequences; seed += 1) {
    const { rules } = await playSequence({ ...options, seed, operations: [backup, restore] });
    assert.deepEqual(rules.violations, []);
  }
});
