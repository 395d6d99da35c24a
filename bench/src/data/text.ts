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
  const word = zipfWords(random);
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

/** Words of a vocabulary of its own; rank r has a share of about 1/r: the exponential of an even distribution. */
function zipfWords(random: SeededRandom): () => string {
  const vocabulary = Array.from({ length: vocabularySize }, () =>
    Array.from({ length: 1 + random.below(4) }, () => syllables[random.below(syllables.length)]).join(''),
  );
  return () => vocabulary[Math.floor(vocabularySize ** random.fraction()) - 1] ?? 'end';
}

/** Lines that pieces are made of. Each comes once in several MiB, so compressors of a chunk rarely meet one twice. */
const lineCount = 64 * 1024;
const hexDigits = Buffer.from('0123456789abcdef');
const traceDigits = 32;
const rareWordShare = 0.6;
const rareLetters = 'abcdefghijklmnopqrstuvwxyz';
/** `2024-01-01T00:00:00.000Z`: where the hours begin. */
const hoursAt = 11;
const dayMs = 86_400_000;

/**
 * Text and logs without end, fast enough for gigabytes: sentences, and lines of logs whose times and trace ids are new each
 * time. zstd's level 3 in chunks of 1 MiB gets it to 45 %, as it does with servers' logs.
 */
export class EndlessText {
  readonly #random: SeededRandom;
  readonly #lines: readonly { readonly bytes: Buffer; readonly traceAt: number }[];
  #timeMs = 0;

  constructor(seed: string) {
    const random = new SeededRandom(seed);
    this.#random = random;
    const word = zipfWords(random);
    // Names, paths and foreign words: each text has many words that hardly come again.
    const rareWord = (): string =>
      Array.from({ length: 2 + random.below(6) }, () => rareLetters[random.below(26)]).join('');
    const words = (count: number): string =>
      Array.from({ length: count }, () => (random.fraction() < rareWordShare ? rareWord() : word())).join(' ');
    this.#lines = Array.from({ length: lineCount }, () => {
      if (random.fraction() < 0.35) return { bytes: Buffer.from(`${words(6 + random.below(10))}.\n`), traceAt: 0 };
      const address = `10.${random.below(16)}.${random.below(256)}.${random.below(256)}`;
      const head = `2024-01-01T00:00:00.000Z ${levels[random.below(levels.length)]} ${word()}[${random.below(30_000)}]: ${address} trace=`;
      const tail = ` bytes=${random.below(100_000)} ${words(2 + random.below(5))}\n`;
      return { bytes: Buffer.from(`${head}${'0'.repeat(traceDigits)}${tail}`), traceAt: head.length };
    });
  }

  /** Exactly so many bytes; the last line may be cut. */
  next(sizeBytes: number): Buffer {
    const random = this.#random;
    const text = Buffer.allocUnsafe(sizeBytes);
    for (let at = 0; at < sizeBytes; ) {
      const line = this.#lines[random.below(lineCount)];
      if (!line) break;
      const { bytes, traceAt } = line;
      bytes.copy(text, at);
      if (traceAt > 0 && at + bytes.length <= sizeBytes) {
        this.#timeMs = (this.#timeMs + random.below(40)) % dayMs;
        writeTime(text, at + hoursAt, this.#timeMs);
        for (let digit = 0; digit < traceDigits; digit += 8) {
          let number = random.below(2 ** 32);
          for (let place = 0; place < 8; place += 1) {
            text[at + traceAt + digit + place] = hexDigits[number & 15] ?? 0;
            number >>>= 4;
          }
        }
      }
      at += bytes.length;
    }
    return text;
  }
}

/** `hh:mm:ss.mmm` without making a string. */
function writeTime(text: Buffer, at: number, timeMs: number): void {
  const seconds = Math.floor(timeMs / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  for (const [index, part] of parts.entries()) {
    text[at + index * 3] = 0x30 + Math.floor(part / 10);
    text[at + index * 3 + 1] = 0x30 + (part % 10);
  }
  const ms = timeMs % 1000;
  text[at + 9] = 0x30 + Math.floor(ms / 100);
  text[at + 10] = 0x30 + (Math.floor(ms / 10) % 10);
  text[at + 11] = 0x30 + (ms % 10);
}
