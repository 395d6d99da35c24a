import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A few of the things that a folder can hold: for proofs that the command passes everything on, not of the engine. */
export function makeSampleFolder(folder: string): string {
  mkdirSync(join(folder, 'deep', 'er'), { recursive: true });
  writeFileSync(join(folder, 'empty'), '');
  writeFileSync(join(folder, 'text [1]*.txt'), 'some text\n'.repeat(500), { mode: 0o640 });
  writeFileSync(join(folder, 'deep', 'random'), randomBytes(3_000_000));
  writeFileSync(join(folder, 'deep', 'er', 'ümläut'), 'x', { mode: 0o755 });
  symlinkSync('deep/random', join(folder, 'link'));
  linkSync(join(folder, 'deep', 'random'), join(folder, 'deep', 'same'));
  return folder;
}
