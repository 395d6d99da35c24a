import fs from 'node:fs';
import { join } from 'node:path';
import { makeSpecialFile, setTimes, writeXattr } from '@holdfast/native';

const b = (text: string): Buffer => Buffer.from(text);

function at(folder: string, name: Buffer | string): Buffer {
  return Buffer.concat([b(`${folder}/`), typeof name === 'string' ? b(name) : name]);
}

/** Bytes that are always the same, differ everywhere and do not compress. */
export function noise(sizeBytes: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let state = seed >>> 0;
  for (let place = 0; place < sizeBytes; place += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[place] = state >>> 24;
  }
  return bytes;
}

/** Everything a file system can hold that does not need root. */
export function makeNastyTree(folder: string): void {
  fs.mkdirSync(join(folder, 'sub/deep/empty'), { recursive: true });
  fs.writeFileSync(join(folder, 'plain'), 'hello');
  fs.writeFileSync(join(folder, 'empty'), '');
  fs.writeFileSync(join(folder, 'medium'), noise(3_000_000));
  fs.writeFileSync(join(folder, 'large'), noise(9_000_000, 2));
  fs.writeFileSync(join(folder, 'copy of large'), noise(9_000_000, 2));
  fs.writeFileSync(join(folder, 'zeros'), Buffer.alloc(70_000));
  const sparse = fs.openSync(join(folder, 'sparse'), 'w');
  fs.ftruncateSync(sparse, 60_000_000);
  fs.writeSync(sparse, 'x', 30_000_001);
  fs.closeSync(sparse);
  fs.truncateSync(join(folder, 'empty'), 0);
  fs.symlinkSync('plain', join(folder, 'link'));
  fs.symlinkSync('/nonexistent/path', join(folder, 'dangling'));
  fs.symlinkSync(Buffer.from([0x62, 0xff, 0xfe]), at(folder, 'binary link'));
  fs.linkSync(join(folder, 'plain'), join(folder, 'second name'));
  fs.linkSync(join(folder, 'plain'), join(folder, 'sub/deep/third name'));
  fs.linkSync(join(folder, 'large'), join(folder, 'sub/large too'));
  fs.linkSync(join(folder, 'empty'), join(folder, 'sub/empty too'));
  fs.linkSync(join(folder, 'link'), join(folder, 'sub/link too'));
  makeSpecialFile(at(folder, 'fifo'), { type: 'fifo', permissions: 0o640 });
  makeSpecialFile(at(folder, 'socket'), { type: 'socket', permissions: 0o755 });
  for (const name of [Buffer.from([0x6e, 0xff, 0xfe]), '"quo\\te"', 'new\nline', '😀', '\ufffd', ' ', '*?[', 'ä'])
    fs.writeFileSync(at(folder, name), name);
  fs.writeFileSync(join(folder, 'setuid'), 'x');
  fs.chmodSync(join(folder, 'setuid'), 0o4755);
  fs.mkdirSync(join(folder, 'sticky'));
  fs.chmodSync(join(folder, 'sticky'), 0o1777);
  writeXattr(at(folder, 'medium'), b('user.test'), Buffer.from([0, 255, 10]));
  writeXattr(at(folder, 'medium'), b('user.empty'), Buffer.alloc(0));
  writeXattr(at(folder, 'sub'), b('user.folder'), b('value'));
  // user::rwx, user:1000:r-x, group::r-x, mask::r-x, other::---, by default for what is made inside.
  writeXattr(at(folder, 'sub'), b('system.posix_acl_default'), acl([1, 7], [2, 5, 1000], [4, 5], [16, 5], [32, 0]));
  writeXattr(at(folder, 'plain'), b('system.posix_acl_access'), acl([1, 6], [2, 4, 1000], [4, 4], [16, 4], [32, 0]));
  fs.mkdirSync(join(folder, 'closed'));
  fs.writeFileSync(join(folder, 'closed/inside'), 'x');
  setTimes(at(folder, 'plain'), { accessedNs: 1n, modifiedNs: 981_173_106_123_456_789n });
  setTimes(at(folder, 'link'), { accessedNs: 1n, modifiedNs: 1n });
  setTimes(at(folder, 'setuid'), { accessedNs: 0n, modifiedNs: -500_000_000n });
  for (const name of ['sub/deep/empty', 'sub/deep', 'sub', 'sticky', 'closed'])
    setTimes(at(folder, name), { accessedNs: 0n, modifiedNs: 1_321_009_871_111_111_111n });
}

/** What only root may make. */
export function makeRootsTree(folder: string): void {
  const rdev = fs.lstatSync('/dev/null', { bigint: true }).rdev;
  makeSpecialFile(at(folder, 'character'), { type: 'character', permissions: 0o666, device: rdev });
  makeSpecialFile(at(folder, 'block'), { type: 'block', permissions: 0o660, device: 0x7c8n });
  fs.writeFileSync(join(folder, 'owned'), 'x');
  fs.chownSync(join(folder, 'owned'), 12345, 54321);
  fs.chmodSync(join(folder, 'owned'), 0o6750);
  fs.lchownSync(join(folder, 'dangling'), 77, 88);
  fs.chownSync(join(folder, 'sticky'), 1234, 5678);
  fs.chmodSync(join(folder, 'sticky'), 0o3770);
  fs.writeFileSync(join(folder, 'no rights'), 'x');
  fs.chmodSync(join(folder, 'no rights'), 0);
  fs.chmodSync(join(folder, 'closed'), 0);
  setTimes(at(folder, 'sticky'), { accessedNs: 0n, modifiedNs: 5n });
}

function acl(...entries: readonly (readonly [tag: number, rights: number, id?: number])[]): Buffer {
  const bytes = Buffer.alloc(4 + entries.length * 8);
  bytes.writeUInt32LE(2, 0);
  for (const [number, [tag, rights, id = 0xffffffff]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + number * 8);
    bytes.writeUInt16LE(rights, 6 + number * 8);
    bytes.writeUInt32LE(id, 8 + number * 8);
  }
  return bytes;
}
