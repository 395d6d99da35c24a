import { isHoldfastError } from '@holdfast/core';
import { mutate } from './mutate.ts';
import { SeededRandom } from './seeded-random.ts';
import type { FuzzSubject } from './subjects.ts';

export interface FuzzFailure {
  readonly subject: string;
  /** Starts this very input again: `--seed`. */
  readonly seed: number;
  readonly round: number;
  readonly input: Buffer;
  readonly problem: string;
}

export interface FuzzRun {
  readonly seed: number;
  /** Inputs for each subject. */
  readonly rounds: number;
  readonly subjects: readonly FuzzSubject[];
}

/** What one parser may take for one input, however it is made: the process may grow by so much in between two looks. */
const maxGrowthBytes = 400 * 1024 * 1024;
const lookEveryRounds = 64;

/** Gives every subject mutated inputs. The input of a round depends on the seed, the subject's name and the round alone. */
export async function* fuzz({ seed, rounds, subjects }: FuzzRun): AsyncGenerator<FuzzFailure> {
  for (const subject of subjects) {
    let before = process.memoryUsage();
    for (let round = 0; round < rounds; round += 1) {
      const input = inputOf(subject, seed, round);
      const problem = await tryInput(subject, input);
      if (problem !== undefined) yield { subject: subject.name, seed, round, input, problem };
      if (round % lookEveryRounds !== 0) continue;
      const now = process.memoryUsage();
      const grown = now.rss - before.rss;
      if (grown > maxGrowthBytes)
        yield { subject: subject.name, seed, round, input, problem: `memory grew by ${grown} bytes` };
      before = now;
    }
  }
}

function inputOf(subject: FuzzSubject, seed: number, round: number): Buffer {
  let mixed = seed;
  for (const char of subject.name) mixed = Math.imul(mixed ^ char.charCodeAt(0), 0x01000193);
  return mutate(subject.inputs, new SeededRandom((mixed ^ Math.imul(round + 1, 0x9e3779b1)) >>> 0));
}

/** What is wrong with how the input was taken; undefined when nothing is. */
async function tryInput(subject: FuzzSubject, input: Buffer): Promise<string | undefined> {
  try {
    await subject.parse(input);
    return undefined;
  } catch (error) {
    if (!isHoldfastError(error)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (subject.codes.includes(error.code)) return undefined;
    return `an error of the code ${error.code}: ${error.message}`;
  }
}
