import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

interface Candidate {
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
}

/** Deeper than this no folder is worth to be a data set of its own. */
const candidateDepth = 3;

/** The largest folder of a system's tree that is no larger than a limit; nothing is written. */
export function chooseSystemFolder(root: string, limitBytes: number): Candidate {
  const candidates: Candidate[] = [];
  measure(root, 0, candidates);
  const fitting = candidates.filter(({ bytes }) => bytes <= limitBytes);
  if (fitting.length === 0) throw new Error(`no folder below ${root} has at most ${limitBytes} bytes`);
  return fitting.reduce((a, b) => (b.bytes > a.bytes ? b : a));
}

function measure(folder: string, depth: number, candidates: Candidate[]): Candidate {
  let files = 0;
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const inner = measure(path, depth + 1, candidates);
      files += inner.files;
      bytes += inner.bytes;
    } else if (entry.isFile()) {
      files += 1;
      bytes += lstatSync(path).size;
    }
  }
  const measured = { folder, files, bytes };
  if (depth <= candidateDepth && bytes > 0) candidates.push(measured);
  return measured;
}
