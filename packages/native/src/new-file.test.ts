import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { newFileMaker } from './new-file.ts';

const make = newFileMaker();
const skip = make === undefined ? 'there is no kernel for this computer' : false;
const bytes = Buffer.from('content');
const rest = { bytes, permissions: 0o4751, accessedNs: 1_700_000_000_123_456_789n, modifiedNs: -1n };

test('a new file has its content, mode and times', { skip }, (t) => {
  const path = temporaryFolder(t);
  const folder = fs.openSync(path, fs.constants.O_RDONLY);
  const name = Buffer.from('ä \\ "').toString('latin1');
  try {
    assert.equal(make?.({ folder, name, ...rest }), true);
    assert.equal(make?.({ folder, name: 'n'.repeat(255), ...rest, bytes: Buffer.alloc(0) }), true);
  } finally {
    fs.closeSync(folder);
  }
  const file = join(path, 'ä \\ "');
  const { mode, atimeNs, mtimeNs, uid } = fs.lstatSync(file, { bigint: true });
  assert.deepEqual(
    { mode, atimeNs, mtimeNs, uid },
    {
      mode: 0o104751n,
      atimeNs: rest.accessedNs,
      mtimeNs: rest.modifiedNs,
      uid: BigInt(process.getuid?.() ?? -1),
    },
  );
  assert.equal(fs.readFileSync(file, 'utf8'), 'content');
  assert.equal(fs.statSync(join(path, 'n'.repeat(255))).size, 0);
});

test('a new file belongs to whom it is given', { skip: skip || skipUnless({ root: true }) }, (t) => {
  const path = temporaryFolder(t);
  const folder = fs.openSync(path, fs.constants.O_RDONLY);
  try {
    assert.equal(make?.({ folder, name: 'file', ...rest, owner: { uid: 12_345, gid: 54_321 } }), true);
  } finally {
    fs.closeSync(folder);
  }
  const { uid, gid, mode } = fs.statSync(join(path, 'file'));
  assert.deepEqual({ uid, gid, mode }, { uid: 12_345, gid: 54_321, mode: 0o104751 });
});

test('what is there stays, and nothing stays of what cannot be made', { skip }, (t) => {
  const path = temporaryFolder(t);
  const outside = join(temporaryFolder(t), 'outside');
  fs.writeFileSync(join(path, 'file'), 'before');
  fs.symlinkSync(outside, join(path, 'link'));
  const folder = fs.openSync(path, fs.constants.O_RDONLY);
  try {
    for (const name of ['file', 'link', 'a/b', '../b', 'a\0', '', '.', 'n'.repeat(256)])
      assert.equal(make?.({ folder, name, ...rest }), false, name);
    // Beyond the years that fit into 64 bits.
    assert.equal(make?.({ folder, name: 'late', ...rest, modifiedNs: 10n ** 19n }), false);
  } finally {
    fs.closeSync(folder);
  }
  assert.equal(make?.({ folder: 1_000_000, name: 'file', ...rest }), false);
  assert.deepEqual(fs.readdirSync(path).sort(), ['file', 'link']);
  assert.equal(fs.readFileSync(join(path, 'file'), 'utf8'), 'before');
  assert.equal(fs.existsSync(outside), false);
});

test('without a file that can be loaded nothing makes files', (t) => {
  assert.equal(newFileMaker(join(temporaryFolder(t), 'missing.so')), undefined);
});
