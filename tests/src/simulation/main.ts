/**
 * `npm run simulate -- --seed S --minutes N`: thousands of sequences of work on a repository, with crashes, faults and
 * several computers at once, until the time is over or a rule of docs/invariants.md is broken. The same seed plays the same.
 *   --seed S        of the first sequence; each further one has the next number (the time if left out)
 *   --sequences N   at most so many
 *   --minutes N     at most so long (1 if left out)
 *   --no-restic     without the second reader
 *   --help          this
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { program } from '@holdfast/core/testing';
import { simulate } from './simulate.ts';

/** restic takes most of a second. */
const resticEvery = 50;
/** With its threads a sequence takes seconds. */
const engineEvery = 40;
const decayEvery = 60;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    sequences: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    'no-restic': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const usage = 'usage: npm run simulate -- [--seed S] [--minutes N] [--sequences N] [--no-restic]';
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const seed = Number(values.seed ?? Date.now() % 1_000_000_000);
const minutes = Number(values.minutes);
const sequences = Number(values.sequences ?? Number.MAX_SAFE_INTEGER);
if (!Number.isSafeInteger(seed) || !(minutes > 0) || !(sequences >= 1)) {
  console.error(usage);
  process.exit(2);
}
const withRestic = !values['no-restic'] && program('restic') !== undefined;
if (!withRestic) console.log('Without restic as the second reader.');
const folder = mkdtempSync(join(tmpdir(), 'holdfast-simulate-'));
console.log(`Seed ${seed}, for at most ${minutes} minutes.`);
try {
  const report = await simulate({
    seed,
    sequences,
    limitMs: minutes * 60_000,
    engine: { every: engineEvery, folder },
    decayEvery,
    restic: withRestic ? { every: resticEvery, folder } : undefined,
    onProgress: ({ sequences: count, crashStates }) => console.log(`${count} sequences, ${crashStates} states`),
  });
  for (const line of report.lines()) console.log(line);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
