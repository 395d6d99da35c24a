import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { BlobCipher } from '../format/blob-cipher.ts';
import { unzstd } from '../format/compression.ts';
import { newRepositoryKey } from '../format/repository-key.ts';
import { decodeFile } from '../format/unpacked-file.ts';
import { fuzz } from './fuzz.ts';
import { fuzzSubjects, idOf } from './subjects.ts';

const rounds = 400;

test('every parser of repository data takes what it accepts and refuses the rest with an error of its own', async (t) => {
  const subjects = await fuzzSubjects();
  // Mutations of what is refused anyway would find nothing.
  for (const { inputs, parse } of subjects) await parse(Buffer.from(inputs[0] ?? []));
  const seed = Number(process.env['HOLDFAST_FUZZ_SEED'] ?? 20_261_121);
  t.diagnostic(`seed ${seed} (HOLDFAST_FUZZ_SEED), ${rounds} inputs for each of ${subjects.length} parsers`);
  const failures = await Array.fromAsync(fuzz({ seed, rounds, subjects }));
  assert.deepEqual(
    failures.map(
      ({ subject, round, problem, input }) => `${subject} ${round}: ${problem}: ${input.toString('base64')}`,
    ),
    [],
  );
});

test('the harness finds a parser that crashes, one that throws a wrong code, and gives the same inputs for a seed', async () => {
  const inputs = [Buffer.from('{"a":1}')];
  const seen: string[] = [];
  const subjects = [
    { name: 'crash', inputs, codes: [], parse: (input: Buffer): unknown => JSON.parse(input.toString()) },
    { name: 'tree', inputs, codes: [], parse: (input: Buffer) => void seen.push(input.toString('hex')) },
  ];
  const first = await Array.fromAsync(fuzz({ seed: 7, rounds: 50, subjects }));
  assert.ok(
    first.length > 10 && first.every(({ subject, problem }) => subject === 'crash' && /SyntaxError/.test(problem)),
  );
  const inputsSeen = [...seen];
  seen.length = 0;
  await Array.fromAsync(fuzz({ seed: 7, rounds: 50, subjects }));
  assert.deepEqual(seen, inputsSeen);
  const real = await fuzzSubjects();
  const strict = real.filter(({ name }) => name === 'index').map((subject) => ({ ...subject, codes: [] }));
  const refused = await Array.fromAsync(fuzz({ seed: 7, rounds: 50, subjects: strict }));
  assert.ok(refused.length > 10 && refused.every(({ problem }) => problem.includes('repository.damaged')));
});

test('a small file that would become a large one is refused before it does', () => {
  const cipher = new BlobCipher(newRepositoryKey());
  const bomb = zstdCompressSync(Buffer.alloc(100 * 1024 * 1024));
  assert.ok(bomb.byteLength < 20_000);
  assert.throws(() => unzstd(bomb, { maxSizeBytes: 1024 * 1024, what: 'Bomb' }), { code: 'storage.tampered' });
  const sealed = cipher.seal(Buffer.concat([Buffer.of(2), bomb]));
  const before = process.memoryUsage.rss();
  assert.throws(() => decodeFile(cipher, sealed, { id: idOf(sealed), what: 'Bomb' }), { code: 'storage.tampered' });
  assert.ok(process.memoryUsage.rss() - before < 64 * 1024 * 1024);
});
