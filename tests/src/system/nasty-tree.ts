import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** Programs that `makeNastyTree` and `fingerprint` call. */
export const nastyTreeNeeds = ['setfattr', 'getfattr', 'setfacl', 'mkfifo', 'mknod', 'touch'] as const;

/** A small folder with everything that restic can bring back too. As root. */
export function makeNastyTree(root: string): void {
  const at = (...parts: string[]): string => join(root, ...parts);
  mkdirSync(at('inner', 'deeper'), { recursive: true });
  mkdirSync(at('empty folder'));
  writeFileSync(at('empty'), '');
  writeFileSync(at('big'), randomBytes(6 * 1024 * 1024 + 17));
  writeFileSync(at('inner', 'text'), 'the same line\n'.repeat(20_000));
  for (let number = 0; number < 40; number++) writeFileSync(at('inner', 'deeper', `file-${number}`), `${number}\n`);
  writeFileSync(Buffer.concat([Buffer.from(`${root}/latin-`), Buffer.from([0xe4, 0xff, 0x0a, 0x22, 0x5c])]), 'bytes\n');
  writeFileSync(at('日本語 "quoted" \\ name'), 'unicode\n');

  symlinkSync('big', at('link'));
  symlinkSync('/nowhere/at all', at('broken link'));
  lutimesSync(at('broken link'), 1_000_000_000, 1_000_000_000);
  linkSync(at('big'), at('inner', 'second name of big'));
  execFileSync('mkfifo', [at('fifo')]);
  execFileSync('mknod', [at('device'), 'c', '1', '3']);

  const sparse = openSync(at('sparse'), 'w');
  writeSync(sparse, 'beginning', 0);
  writeSync(sparse, 'middle', 9 * 1024 * 1024);
  closeSync(sparse);
  truncateSync(at('sparse'), 24 * 1024 * 1024);

  writeFileSync(at('setuid'), '#!/bin/sh\n');
  chownSync(at('setuid'), 1234, 2345);
  // After the owner: a change of owner clears it.
  chmodSync(at('setuid'), 0o4755);
  mkdirSync(at('sticky'));
  chmodSync(at('sticky'), 0o3777);
  chmodSync(at('empty'), 0o000);

  execFileSync('setfattr', ['-n', 'user.colour', '-v', 'green', at('inner', 'text')]);
  execFileSync('setfattr', ['-n', 'user.binary', '-v', '0x00ff10', at('inner')]);
  execFileSync('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', at('empty folder')]);
  execFileSync('setfacl', ['-m', 'u:1234:rw,g:2345:r', at('inner', 'deeper', 'file-1')]);
  execFileSync('setfacl', ['-d', '-m', 'u:1234:rx', at('sticky')]);
  execFileSync('touch', ['-d', '1999-12-31 23:59:59.123456789 UTC', at('inner', 'deeper', 'file-2')]);
  execFileSync('touch', ['-d', '2031-01-02 03:04:05.000000001 UTC', at('inner', 'deeper')]);
}

/**
 * Everything that a restore has to bring back, one line for each entry: what two folders are compared by. Not in it: ctime,
 * atime and inode numbers, which nobody can restore.
 */
export function fingerprint(root: string): readonly string[] {
  const firstNames = new Map<string, string>();
  const lines: string[] = [];
  const visit = (path: Buffer, name: string): void => {
    const stats = lstatSync(path, { bigint: true });
    const facts = [name, stats.mode.toString(8), `${stats.uid}:${stats.gid}`, `mtime ${stats.mtimeNs}`];
    if (stats.isFile()) {
      facts.push(`size ${stats.size}`, createHash('sha256').update(readFileSync(path)).digest('hex'));
      const first = firstNames.get(`${stats.ino}`) ?? name;
      firstNames.set(`${stats.ino}`, first);
      if (stats.nlink > 1n) facts.push(`links ${stats.nlink} as ${first}`);
    } else if (stats.isSymbolicLink()) facts.push(readlinkSync(path, 'buffer').toString('latin1'));
    else if (stats.isCharacterDevice() || stats.isBlockDevice()) facts.push(`device ${stats.rdev}`);
    lines.push(facts.join(' | '));
    if (!stats.isDirectory()) return;
    for (const child of readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare))
      visit(Buffer.concat([path, Buffer.from('/'), child]), `${name}/${child.toString('latin1')}`);
  };
  visit(Buffer.from(root), '.');
  return [...lines, ...attributes(root)];
}

/** Extended attributes, POSIX ACLs among them, as getfattr prints them. */
function attributes(root: string): readonly string[] {
  const text = execFileSync('getfattr', ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '.'], {
    cwd: root,
    encoding: 'utf8',
  });
  const blocks = text.split('\n\n').filter((block) => block.trim() !== '');
  return blocks.map((block) => block.trim().split('\n').sort().join(' ')).sort();
}

/** Bytes of the disk that a file takes. */
export function allocatedBytes(path: string): number {
  return lstatSync(path).blocks * 512;
}
