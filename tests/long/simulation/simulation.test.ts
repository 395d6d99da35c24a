import { test } from 'node:test';
import { program, temporaryFolder } from '@holdfast/core/testing';
import { simulate } from '../../src/simulation/simulate.ts';

test('thousands of sequences with crashes, faults and several computers break no rule of docs/invariants.md', async (t) => {
  const folder = temporaryFolder(t);
  const report = await simulate({
    seed: 1_000_000,
    sequences: 5000,
    limitMs: 30 * 60_000,
    engine: { every: 40, folder },
    decayEvery: 60,
    restic: program('restic') === undefined ? undefined : { every: 50, folder },
  });
  for (const line of report.lines()) t.diagnostic(line);
});
