import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import {
  groupId,
  groupName,
  listXattrs,
  makeSpecialFile,
  nextData,
  nextHole,
  punchHole,
  readXattr,
  removeXattr,
  setTimes,
  tryLockFile,
  userId,
  userName,
  writeXattr,
} from './index.ts';

describe('native', { skip: skipUnless({ platform: 'linux' }) }, () => {
  it('sets times to the nanosecond, before 1970 and of links themselves', (t) => {
    const file = path.join(temporaryFolder(t), 'file');
    const link = `${file}.link`;
    fs.writeFileSync(file, '');
    fs.symlinkSync(file, link);
    setTimes(Buffer.from(link), { accessedNs: 1n, modifiedNs: 2n });
    setTimes(Buffer.from(file), { accessedNs: -1n, modifiedNs: 1_700_000_000_123_456_789n });
    const stat = fs.lstatSync(file, { bigint: true });
    assert.equal(stat.mtimeNs, 1_700_000_000_123_456_789n);
    assert.equal(stat.atimeNs, -1n);
    assert.equal(fs.lstatSync(link, { bigint: true }).mtimeNs, 2n);
    assert.throws(() => setTimes(Buffer.from(`${file}.none`), { accessedNs: 0n, modifiedNs: 0n }), {
      code: 'ENOENT',
      syscall: 'utimensat',
    });
  });

  it('lists, reads, sets and removes attributes with any bytes', (t) => {
    const file = Buffer.from(path.join(temporaryFolder(t), 'file'));
    fs.writeFileSync(file, '');
    assert.deepEqual(listXattrs(file), []);
    const name = Buffer.concat([Buffer.from('user.'), Buffer.from([0xff, 0xfe])]);
    const value = Buffer.from([0, 1, 0, 255]);
    writeXattr(file, name, value);
    writeXattr(file, Buffer.from('user.empty'), Buffer.alloc(0));
    assert.deepEqual(listXattrs(file).toSorted(Buffer.compare), [Buffer.from('user.empty'), name]);
    assert.deepEqual(readXattr(file, name), value);
    assert.deepEqual(readXattr(file, Buffer.from('user.empty')), Buffer.alloc(0));
    assert.equal(readXattr(file, Buffer.from('user.other')), undefined);
    removeXattr(file, name);
    removeXattr(file, name);
    assert.deepEqual(listXattrs(file), [Buffer.from('user.empty')]);
    assert.throws(() => listXattrs(Buffer.from('/nonexistent/x')), { code: 'ENOENT' });
    assert.throws(() => listXattrs(Buffer.from('/a\0b')), { code: 'EINVAL' });
  });

  it('makes fifos and sockets, and devices as root', (t) => {
    const base = temporaryFolder(t);
    const fifo = path.join(base, 'fifo');
    makeSpecialFile(Buffer.from(fifo), { type: 'fifo', permissions: 0o600 });
    assert.ok(fs.lstatSync(fifo).isFIFO());
    makeSpecialFile(Buffer.from(path.join(base, 'socket')), { type: 'socket', permissions: 0o600 });
    assert.ok(fs.lstatSync(path.join(base, 'socket')).isSocket());
    assert.throws(() => makeSpecialFile(Buffer.from(fifo), { type: 'fifo', permissions: 0o600 }), { code: 'EEXIST' });
  });

  it('makes devices', { skip: skipUnless({ root: true }) }, (t) => {
    const device = path.join(temporaryFolder(t), 'null');
    const { rdev } = fs.lstatSync('/dev/null', { bigint: true });
    makeSpecialFile(Buffer.from(device), { type: 'character', permissions: 0o666, device: rdev });
    const made = fs.lstatSync(device, { bigint: true });
    assert.ok(made.isCharacterDevice());
    assert.equal(made.rdev, rdev);
  });

  it('finds and makes holes', (t) => {
    const fd = fs.openSync(path.join(temporaryFolder(t), 'sparse'), 'w+');
    t.after(() => fs.closeSync(fd));
    fs.writeSync(fd, 'x', 1024 * 1024);
    fs.ftruncateSync(fd, 4 * 1024 * 1024);
    assert.equal(nextData(fd, 0), 1024 * 1024);
    assert.ok((nextHole(fd, 1024 * 1024) ?? 0) > 1024 * 1024);
    assert.equal(nextData(fd, 2 * 1024 * 1024), undefined);
    punchHole(fd, { offset: 0, length: 2 * 1024 * 1024 });
    assert.equal(nextData(fd, 0), undefined);
    assert.equal(fs.fstatSync(fd).size, 4 * 1024 * 1024);
  });

  it('knows users and groups in both directions, and says when it does not', () => {
    assert.equal(userName(0), 'root');
    assert.equal(userId('root'), 0);
    assert.equal(groupName(0), 'root');
    assert.equal(groupId('root'), 0);
    assert.equal(userName(3_999_999_999), undefined);
    assert.equal(userId('no-such-user-here'), undefined);
    assert.equal(userName(process.getuid?.() ?? -1), os.userInfo().username);
  });

  it('locks a file against a second descriptor until the first closes', (t) => {
    const file = path.join(temporaryFolder(t), 'lock');
    const first = fs.openSync(file, 'w');
    const second = fs.openSync(file, 'w');
    assert.equal(tryLockFile(first), true);
    assert.equal(tryLockFile(second), false);
    fs.closeSync(first);
    assert.equal(tryLockFile(second), true);
    fs.closeSync(second);
  });
});
