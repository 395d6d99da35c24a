import { SeededRandom } from './seeded-random.ts';

const vocabularySize = 6_000;
const syllables = 'ba co de fi gu ha jo ke li mu na pe qui ro sa te vo wi ya zu tion ing er st al en or'.split(' ');
const levels = ['INFO', 'INFO', 'INFO', 'DEBUG', 'WARN', 'ERROR'];

/**
 * Text as people and programs write it: words by Zipf's law, in sentences and in lines of logs. Compressors get it to a
 * third to a quarter, like source code and logs.
 */
export function makeText(sizeBytes: number, seed: string): Buffer {
  const random = new SeededRandom(seed);
  const vocabulary = Array.from({ length: vocabularySize }, () =>
    Array.from({ length: 1 + random.below(4) }, () => syllables[random.below(syllables.length)]).join(''),
  );
  // The exponential of an even distribution gives rank r a share of about 1/r.
  const word = (): string => vocabulary[Math.floor(vocabularySize ** random.fraction()) - 1] ?? 'end';
  const words = (count: number): string => Array.from({ length: count }, word).join(' ');
  const text = Buffer.alloc(sizeBytes);
  let timeMs = Date.UTC(2024, 0, 1);
  for (let filled = 0; filled < sizeBytes; ) {
    timeMs += random.below(5_000);
    const line =
      random.fraction() < 0.5
        ? `${words(6 + random.below(10))}.\n`
        : `${new Date(timeMs).toISOString()} ${levels[random.below(levels.length)]} ${word()}[${random.below(30_000)}]: ${words(3 + random.below(6))} id=${random.below(1e9)}\n`;
    filled += text.write(line, filled, 'latin1');
  }
  return text;
}
