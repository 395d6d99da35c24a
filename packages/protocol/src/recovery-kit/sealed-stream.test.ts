import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { before, test } from 'node:test';
import { type KitKeys, kitKeys, readSealedStream, sealStream } from './index.ts';

let kit: KitKeys;
let other: KitKeys;

before(async () => {
  kit = await kitKeys(Buffer.alloc(20, 1));
  other = await kitKeys(Buffer.alloc(20, 2));
});

const line = '{"kitId":"x"}';
const sealed = (plain: Uint8Array, by: Parameters<typeof sealStream>[1]['kit'] = kit): Promise<Buffer> =>
  buffer(sealStream(Readable.from([plain.subarray(0, 10), plain.subarray(10)]), { line, kit: by }));

async function opened(bytes: Uint8Array, by = kit): Promise<Buffer> {
  // In pieces that end anywhere.
  const pieces = Array.from({ length: Math.ceil(bytes.length / 70_001) }, (_, at) =>
    bytes.subarray(at * 70_001, (at + 1) * 70_001),
  );
  const stream = await readSealedStream(Readable.from(pieces));
  assert.equal(stream.line, line);
  return buffer(stream.open(by));
}

for (const size of [0, 1, 1024 * 1024, 2 * 1024 * 1024 + 5])
  test(`${size} bytes come out as they went in`, async () => {
    const plain = Buffer.alloc(size, 'configuration');
    assert.ok((await opened(await sealed(plain))).equals(plain));
  });

test('what was cut, continued, changed, put in another order or made by somebody else is refused', async () => {
  const plain = Buffer.alloc(2 * 1024 * 1024 + 5, 'configuration');
  const good = await sealed(plain);
  const refused = (bytes: Uint8Array, by = kit) =>
    assert.rejects(opened(bytes, by), { code: 'configuration.damaged' }, `${bytes.length}`);
  const first = line.length + 1 + 32;
  const piece = 4 + 1024 * 1024 + 16;
  await refused(good.subarray(0, first + 2 * piece));
  await refused(good.subarray(0, good.length - 1));
  await refused(Buffer.concat([good, Buffer.of(0)]));
  for (const at of [0, 3, line.length + 5, first, first + 9, first + piece + 2, good.length - 1]) {
    const changed = Buffer.from(good);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await assert.rejects(opened(changed), (error: Error) => !error.message.includes('undefined'), `byte ${at}`);
  }
  const [head, one, two, rest] = [
    good.subarray(0, first),
    good.subarray(first, first + piece),
    good.subarray(first + piece, first + 2 * piece),
    good.subarray(first + 2 * piece),
  ];
  await refused(Buffer.concat([head, two, one, rest]));
  await refused(Buffer.concat([head, rest]));
  await refused(good, other);
  // Somebody who knows the public key and nothing else.
  await refused(await sealed(plain, { id: kit.id, publicKey: kit.publicKey, authKey: other.authKey }));
  await refused(Buffer.from('no line at all'));
});
