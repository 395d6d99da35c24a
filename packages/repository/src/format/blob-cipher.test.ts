import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sealedBytes } from '@holdfast/native';
import fc from 'fast-check';
import { BlobCipher, sealOverheadBytes } from './blob-cipher.ts';
import { decodeRepositoryKey, encodeRepositoryKey, newRepositoryKey } from './repository-key.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

test('the MAC is Poly1305-AES: the first vector of its paper (Bernstein, "The Poly1305-AES message-authentication code")', () => {
  const cipher = new BlobCipher({
    encrypt: new Uint8Array(32).fill(1),
    macK: hex('ec074c835580741701425b623235add6'),
    macR: hex('851fc40c3467ac0be05cc20404f3f700'),
  });
  const nonce = 'fb447350c4e868c52ac3275cf9d4327e';
  assert.equal(cipher.tryOpen(hex(`${nonce}f3f6f4c633c3044fc145f84f335cb81953de`))?.byteLength, 2);
  assert.equal(cipher.tryOpen(hex(`${nonce}f3f6f4c633c3044fc145f84f335cb81953df`)), undefined);
});

test('what was sealed opens with the same key only, and no bit may differ', () => {
  const key = newRepositoryKey();
  const cipher = new BlobCipher(key);
  const faster = new BlobCipher(key, sealedBytes(key.encrypt));
  const other = new BlobCipher(newRepositoryKey());
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.nat(), fc.boolean(), (plain, bit, fast) => {
      const sealed = (fast ? faster : cipher).seal(plain);
      assert.equal(sealed.byteLength, plain.byteLength + sealOverheadBytes);
      assert.deepEqual(new Uint8Array(cipher.open(sealed, 'it')), plain);
      assert.equal(other.tryOpen(sealed), undefined);
      const at = bit % (sealed.byteLength * 8);
      sealed[at >> 3] = (sealed[at >> 3] ?? 0) ^ (1 << (at & 7));
      assert.equal(cipher.tryOpen(sealed), undefined);
    }),
  );
});

test('bytes too short to be sealed are refused, and the error names what it was', () => {
  const cipher = new BlobCipher(newRepositoryKey());
  for (let size = 0; size < sealOverheadBytes; size += 1) assert.equal(cipher.tryOpen(new Uint8Array(size)), undefined);
  assert.throws(() => cipher.open(new Uint8Array(100), 'Blob 1234'), {
    code: 'storage.tampered',
    message: /Blob 1234/,
  });
});

test('no nonce comes twice, also beyond one batch, and shared memory can be sealed', () => {
  const cipher = new BlobCipher(newRepositoryKey());
  const nonces = new Set<string>();
  const target = new Uint8Array(new SharedArrayBuffer(100));
  const plain = new Uint8Array(new SharedArrayBuffer(40)).fill(7);
  for (let round = 0; round < 2500; round += 1) {
    const length = cipher.sealInto(target, plain);
    nonces.add(Buffer.from(target.slice(0, 16)).toString('hex'));
    assert.deepEqual(cipher.tryOpen(target.subarray(0, length)), Buffer.alloc(40, 7));
  }
  assert.equal(nonces.size, 2500);
});

test('a master key survives its JSON, and an incomplete one is refused without showing it', () => {
  const key = newRepositoryKey();
  assert.deepEqual(decodeRepositoryKey(encodeRepositoryKey(key)), key);
  for (const text of ['', '{', '[]', 'null', '{"mac":{"k":"AA==","r":"AA=="},"encrypt":"AA=="}', 'geheim'])
    assert.throws(
      () => decodeRepositoryKey(Buffer.from(text)),
      (error: Error) =>
        error.message.includes('master key') && !JSON.stringify(error).includes('geheim') && !error.cause,
    );
});
