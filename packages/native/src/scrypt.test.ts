import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ScryptKernel, scrypt, scryptByNode, scryptKernels } from './scrypt.ts';

const ways: readonly (readonly [string, ScryptKernel])[] = [
  ['the chosen way', scrypt],
  ['Node', scryptByNode],
  ...scryptKernels().map((kernel, at) => [`kernel ${at}`, kernel] as const),
];

/** RFC 7914, section 12; the fourth takes 1 GiB. */
const vectors = [
  {
    cost: { N: 16, r: 1, p: 1 },
    password: '',
    salt: '',
    key: '77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906',
  },
  {
    cost: { N: 1024, r: 8, p: 16 },
    password: 'password',
    salt: 'NaCl',
    key: 'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
  },
  {
    cost: { N: 16384, r: 8, p: 1 },
    password: 'pleaseletmein',
    salt: 'SodiumChloride',
    key: '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
  },
];

for (const [name, derive] of ways) {
  test(`test vectors of RFC 7914: ${name}`, async () => {
    for (const { cost, password, salt, key } of vectors) {
      const derived = await derive({ ...cost, password, salt: Buffer.from(salt), keySizeBytes: 64 });
      assert.equal(derived?.toString('hex'), key);
    }
  });
}

for (const [name, derive] of ways) {
  if (derive === scryptByNode) continue;
  test(`as Node derives, whatever the cost: ${name}`, async () => {
    const cost = fc.record({
      N: fc.integer({ min: 1, max: 9 }).map((power) => 2 ** power),
      r: fc.integer({ min: 1, max: 19 }),
      p: fc.integer({ min: 1, max: 5 }),
      password: fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 200 })),
      salt: fc.uint8Array({ maxLength: 100 }),
      keySizeBytes: fc.integer({ min: 1, max: 100 }),
    });
    await fc.assert(
      fc.asyncProperty(cost, async (input) => assert.deepEqual(await derive(input), await scryptByNode(input))),
      { seed: 7914, numRuns: 60 },
    );
  });
}

test('several at once, each with memory of its own', async () => {
  const inputs = Array.from({ length: 6 }, () => ({
    ...{ N: 4096, r: 8, p: 2, keySizeBytes: 64 },
    password: randomBytes(20),
    salt: randomBytes(20),
  }));
  assert.deepEqual(await Promise.all(inputs.map(scrypt)), await Promise.all(inputs.map(scryptByNode)));
});

test('more at once than the kernels can be called: the rest in the way of Node', async () => {
  const input = { N: 16, r: 1, p: 1, password: 'p', salt: Buffer.from('s'), keySizeBytes: 32 };
  const expected = await scryptByNode(input);
  const many = Array.from({ length: 1_000 });
  for (const kernel of scryptKernels()) {
    const keys = await Promise.all(many.map(() => kernel(input)));
    assert.ok(keys.includes(undefined));
    for (const key of keys) if (key) assert.deepEqual(key, expected);
  }
  for (const key of await Promise.all(many.map(() => scrypt(input)))) assert.deepEqual(key, expected);
});

test('without memory for its table a kernel says so', async () => {
  const tooMuch = { N: 2 ** 40, r: 8, p: 1, password: 'p', salt: Buffer.from('s'), keySizeBytes: 64 };
  for (const kernel of scryptKernels()) assert.equal(await kernel(tooMuch), undefined);
});
