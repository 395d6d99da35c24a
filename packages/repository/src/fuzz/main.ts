/**
 * `npm run fuzz [-- --minutes N] [--seed S] [--subject NAME]`: mutated inputs for every parser of repository data, with a new
 * seed every few thousand inputs, which is printed. A failure prints the input and how to get it again, and the exit status
 * is 1.
 */
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';
import { fuzzSubjects } from './subjects.ts';

const roundsPerSeed = 2000;
const maxMinutes = 24 * 60;
const maxFailuresShown = 20;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    subject: { type: 'string' },
  },
});
const minutes = Number(values.minutes);
const first = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const subjects = (await fuzzSubjects()).filter(({ name }) => values.subject === undefined || name === values.subject);
if (!(minutes > 0 && minutes <= maxMinutes) || !Number.isSafeInteger(first) || subjects.length === 0) {
  console.error('usage: npm run fuzz [-- --minutes 0.1…1440] [--seed WHOLE-NUMBER] [--subject NAME]');
  process.exit(2);
}

const endMs = performance.now() + minutes * 60_000;
let failures = 0;
let seed = first;
do {
  console.log(`seed ${seed}: ${roundsPerSeed} inputs for each of ${subjects.length} parsers`);
  for await (const failure of fuzz({ seed, rounds: roundsPerSeed, subjects })) {
    failures += 1;
    const { subject, round, input, problem } = failure;
    console.error(`FAILED: ${subject}, seed ${seed}, round ${round}: ${problem}`);
    console.error(`  input (base64): ${input.toString('base64')}`);
    console.error(`  again: npm run fuzz -- --seed ${seed} --subject ${subject} --minutes 0.1`);
    if (failures >= maxFailuresShown) break;
  }
  seed += 1;
} while (performance.now() < endMs && failures < maxFailuresShown);
console.log(`${failures} failures, seeds ${first} to ${seed - 1}`);
process.exitCode = failures === 0 ? 0 : 1;
