import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isKitProof,
  kitId,
  kitKeys,
  kitProof,
  newKitSecret,
  openPassword,
  sealPassword,
  secretOf,
  wordsOf,
} from './index.ts';

const secret = Buffer.from('00112233445566778899aabbccddeeff00112233', 'hex');

test('the words say the secret, however they are typed', () => {
  const words = wordsOf(secret);
  assert.equal(words.split(' ').length, 15);
  assert.deepEqual(Buffer.from(secretOf(words)), secret);
  const numbered = words
    .split(' ')
    .map((word, at) => `${at + 1}. ${word.slice(0, 4).toUpperCase()}`)
    .join('\n');
  assert.deepEqual(Buffer.from(secretOf(numbered)), secret);
  for (let round = 0; round < 20; round += 1) {
    const made = newKitSecret();
    assert.deepEqual(Buffer.from(secretOf(wordsOf(made))), Buffer.from(made));
  }
});

test('slips are found, and nothing that was typed is in the message', () => {
  const words = wordsOf(secret).split(' ');
  const wrong = words.with(6, 'holdfast').join(' ');
  assert.throws(
    () => secretOf(wrong),
    (error: Error) => /Word 7 /.test(error.message) && !/holdfast /.test(error.message),
  );
  assert.throws(() => secretOf(words.slice(1).join(' ')), { code: 'kit.words', message: /these are 14/ });
  const [first = '', second = '', ...rest] = words;
  assert.notEqual(first, second);
  assert.throws(() => secretOf([second, first, ...rest].join(' ')), { code: 'kit.words' });
});

test('keys come from the secret alone, and stay what they are', async () => {
  const keys = await kitKeys(secret);
  assert.deepEqual(
    { id: keys.id, publicKey: keys.publicKey, authKey: keys.authKey },
    {
      id: kitId(keys.publicKey),
      publicKey: 'p2GuMTy5MUnjiKV9um4a9yC-oplYOaFNjDzTwZAa9wQ',
      authKey: 'zw-EFncr_S2pylF8_xZAN4i1KRE7BFhUwjPNnHIq3ZE',
    },
  );
  assert.ok(isKitProof(kitProof(keys), keys));
  const other = await kitKeys(newKitSecret());
  assert.ok(!isKitProof(kitProof(other), keys));
  assert.ok(!isKitProof('', keys));
});

test('a password opens with the kit that it was sealed to, and with no other', async () => {
  const keys = await kitKeys(secret);
  const sealed = await sealPassword('correct horse', keys);
  assert.notEqual(sealed, await sealPassword('correct horse', keys));
  assert.equal(await openPassword(sealed, keys), 'correct horse');
  await assert.rejects(openPassword(sealed, await kitKeys(newKitSecret())), { code: 'kit.other' });
  const changed = Buffer.from(sealed, 'base64url');
  changed[40] = (changed[40] ?? 0) ^ 1;
  await assert.rejects(openPassword(changed.toString('base64url'), keys), { code: 'kit.other' });
  await assert.rejects(openPassword('', keys), { code: 'kit.other' });
});
