import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { listXattrs, readXattr } from '@holdfast/native';

/**
 * Describes everything below a folder, one line an entry, to compare two trees. It shares no code with the engine. Inode
 * numbers become the first name of the same file; change and access times can't be restored and are left out.
 */
export function describeTree(folder: string, options: { readonly withoutSockets?: boolean } = {}): string[] {
  const lines: string[] = [];
  const firstNames = new Map<bigint, string>();
  const walk = (path: Buffer, shown: string): void => {
    const stat = fs.lstatSync(path, { bigint: true });
    if (stat.isSocket() && options.withoutSockets === true) return;
    const facts = [shown, stat.mode.toString(8), stat.uid, stat.gid, stat.mtimeNs];
    if (stat.isFile()) facts.push(stat.size, createHash('sha256').update(fs.readFileSync(path)).digest('hex'));
    if (stat.isSymbolicLink()) facts.push(fs.readlinkSync(path, 'latin1'));
    if (stat.isBlockDevice() || stat.isCharacterDevice()) facts.push(stat.rdev);
    if (stat.nlink > 1n && stat.isFile()) {
      if (!firstNames.has(stat.ino)) firstNames.set(stat.ino, shown);
      facts.push(`same file as ${firstNames.get(stat.ino)}`);
    }
    for (const name of listXattrs(path).toSorted(Buffer.compare))
      facts.push(`${name.toString('latin1')}=${readXattr(path, name)?.toString('hex')}`);
    lines.push(facts.join(' | '));
    if (!stat.isDirectory()) return;
    for (const name of fs.readdirSync(path, { encoding: 'buffer' }).toSorted(Buffer.compare))
      walk(Buffer.concat([path, Buffer.from('/'), name]), `${shown}/${name.toString('latin1')}`);
  };
  walk(Buffer.from(folder), '.');
  return lines;
}
