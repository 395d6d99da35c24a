import type { SeededRandom } from './seeded-random.ts';

/** What breaks parsers: numbers at their limits, JSON of another shape, half of an escape, bytes that are no text. */
const tokens = [
  ...['0', '-1', '1e999', '-0', '0.5', '4294967295', '4294967296', '9007199254740993', '18446744073709551616'],
  ...['null', 'true', '{}', '[]', '""', '"\\', '\\ud800', '\\u0000', '\\x', '\\777', '{"', '"}', ']', '[[[[', ',', ':'],
  ...['"__proto__":{"x":1},', '"constructor":', '../', '/', '.', '..', '\n', '\r\n', '\u2028', '\u{1f600}', '\ufeff'],
  ...['0000-00-00T00:00:00Z', '9999-12-31T23:59:60+23:59', '2026-02-30T00:00:00Z', 'Z', '+', 'T'],
  ...['id', 'type', 'nodes', 'packs', 'blobs', 'content', 'subtree', 'offset', 'length', 'N', 'r', 'p', 'a'.repeat(64)],
].map((text) => Buffer.from(text));
const bytes = [
  Buffer.of(0),
  Buffer.of(0xff),
  Buffer.of(0xff, 0xff, 0xff, 0xff),
  Buffer.of(0x80),
  Buffer.of(0xc3, 0x28),
];
const nestings = ['[', '{"generic_attributes":{"x":', '{"a":', '[{"nodes":', '(', '"'];
/** Nothing grows without end over many mutations. */
const maxSizeBytes = 256 * 1024;

/** One of `inputs`, changed in one to eight places; sometimes bytes of two of them, or nothing but noise. */
export function mutate(inputs: readonly Uint8Array[], random: SeededRandom): Buffer {
  if (random.below(50) === 0) return noise(random, random.below(300));
  let input: Buffer = Buffer.from(random.pick(inputs));
  for (let left = 1 + random.below(8); left > 0; left -= 1) input = change(input, inputs, random);
  return input.subarray(0, maxSizeBytes);
}

function change(input: Buffer, inputs: readonly Uint8Array[], random: SeededRandom): Buffer {
  const at = random.below(input.byteLength + 1);
  const to = Math.min(input.byteLength, at + 1 + random.below(random.pick([1, 4, 64, 4096])));
  const replace = (...middle: readonly Uint8Array[]): Buffer =>
    Buffer.concat([input.subarray(0, at), ...middle, input.subarray(to)]);
  const insert = (...middle: readonly Uint8Array[]): Buffer =>
    Buffer.concat([input.subarray(0, at), ...middle, input.subarray(at)]);
  switch (random.below(10)) {
    case 0:
    case 1: {
      if (input.byteLength === 0) return input;
      const flipped = Buffer.from(input);
      const byte = random.below(flipped.byteLength);
      flipped[byte] = (flipped[byte] ?? 0) ^ (1 << random.below(8));
      return flipped;
    }
    case 2:
      return replace();
    case 3:
      return input.subarray(0, at);
    case 4:
      return insert(random.pick(tokens));
    case 5:
      return replace(random.pick(tokens));
    case 6:
      return insert(random.pick(bytes));
    case 7:
      return insert(input.subarray(at, to), input.subarray(at, to));
    case 8: {
      const other = Buffer.from(random.pick(inputs));
      const from = random.below(other.byteLength + 1);
      return replace(other.subarray(from, from + random.below(200)));
    }
    default:
      return random.below(20) === 0
        ? insert(Buffer.from(random.pick(nestings).repeat(random.below(20_000))))
        : replace(noise(random, random.below(16)));
  }
}

function noise(random: SeededRandom, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}
