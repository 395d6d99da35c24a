import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import fc from 'fast-check';
import { DataDirectory } from './data-directory.ts';
import { Vault } from './vault.ts';

const place = { tenant: 'local', repositoryId: 'one' };

test('what was sealed opens at its place only, and no changed byte goes unnoticed', async (t) => {
  using data = await DataDirectory.open(temporaryFolder(t));
  const vault = await Vault.open(data);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (secret) =>
      assert.equal(vault.open(vault.seal(secret, place), place), secret),
    ),
  );
  const sealed = vault.seal('a password', place);
  assert.notEqual(sealed, vault.seal('a password', place));
  for (const other of [
    { ...place, tenant: 'other' },
    { ...place, repositoryId: 'two' },
  ]) {
    assert.throws(() => vault.open(sealed, other), { code: 'vault.tampered' });
  }
  const bytes = Buffer.from(sealed.slice('v1.'.length), 'base64');
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8((bytes.at(at) ?? 0) ^ 1, at);
    assert.throws(
      () => vault.open(`v1.${changed.toString('base64')}`, place),
      { code: 'vault.tampered' },
      `byte ${at}`,
    );
  }
  fc.assert(
    fc.property(fc.string(), (text) => assert.throws(() => vault.open(text, place), { code: 'vault.tampered' })),
  );
});

test('another key opens nothing, and a key of the wrong size is refused', async (t) => {
  using data = await DataDirectory.open(temporaryFolder(t));
  const sealed = (await Vault.open(data)).seal('a password', place);
  await data.write('vault-key', Buffer.alloc(32, 7).toString('base64'));
  const other = await Vault.open(data);
  assert.throws(() => other.open(sealed, place), { code: 'vault.tampered' });
  writeFileSync(data.file('vault-key'), 'short');
  await assert.rejects(Vault.open(data), { code: 'usage.configuration' });
});
