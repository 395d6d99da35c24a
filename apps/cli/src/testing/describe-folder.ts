import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { listXattrs, readXattr } from '@holdfast/native';

/** A program: prints what can be seen of everything below a folder, as a JSON list with one line for each entry. */

function describeFolder(folder: string): string[] {
  const lines: string[] = [];
  const firstNames = new Map<bigint, string>();
  const walk = (path: Buffer, shown: string): void => {
    const stat = lstatSync(path, { bigint: true });
    const facts: unknown[] = [shown, stat.mode.toString(8), stat.uid, stat.gid, stat.mtimeNs];
    if (stat.isFile()) facts.push(stat.size, createHash('sha256').update(readFileSync(path)).digest('hex'));
    if (stat.isCharacterDevice()) facts.push(stat.rdev);
    if (stat.isFile() && stat.nlink > 1n) {
      if (!firstNames.has(stat.ino)) firstNames.set(stat.ino, shown);
      facts.push(stat.nlink, firstNames.get(stat.ino));
    }
    for (const name of listXattrs(path).toSorted(Buffer.compare))
      facts.push(`${name.toString('latin1')}=${readXattr(path, name)?.toString('hex')}`);
    lines.push(facts.join(' | '));
    if (!stat.isDirectory()) return;
    for (const name of readdirSync(path, { encoding: 'buffer' }).toSorted(Buffer.compare))
      walk(Buffer.concat([path, Buffer.from('/'), name]), `${shown}/${name.toString('latin1')}`);
  };
  walk(Buffer.from(folder), '.');
  return lines;
}

console.log(JSON.stringify(describeFolder(process.argv[2] ?? '.')));
