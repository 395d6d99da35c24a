import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { program, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { rule10 } from './decay.ts';
import { RuleBook, ruleNumbers } from './rule-book.ts';
import { makeTemplate } from './sequence.ts';
import { simulate } from './simulate.ts';

/**
 * The whole test run has many minutes; these have their share, however long they take here: the same in every run. `npm run
 * simulate` goes on for as long as one likes.
 */
const sequences = 120;
const engineSequences = 6;
const limitMs = Number.POSITIVE_INFINITY;

test('no crash, fault or other computer breaks a rule of docs/invariants.md', { timeout: 400_000 }, async (t) => {
  const report = await simulate({
    seed: 1,
    sequences,
    limitMs,
    restic: program('restic') === undefined ? undefined : { every: 40, folder: temporaryFolder(t) },
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
  // Each in a process of its own: a process remembers locks that it could not delete.
  const play = async (): Promise<string> => {
    const args = [join(import.meta.dirname, 'main.ts'), '--seed', '5', '--sequences', '4', '--no-restic'];
    return (await promisify(execFile)(process.execPath, args)).stdout;
  };
  const [first, second] = await Promise.all([play(), play()]);
  assert.match(first, /4 sequences/);
  assert.equal(first, second);
});

test('the real engine, killed and disturbed, breaks no rule either', { timeout: 400_000 }, async (t) => {
  const engine = { every: 1, folder: temporaryFolder(t) };
  const report = await simulate({ seed: 1, sequences: engineSequences, limitMs, engine });
  for (const line of report.lines()) t.diagnostic(line);
  assert.ok((report.outcomes.get('engine backup succeeded') ?? 0) > 0);
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
