import { HoldfastError } from '@holdfast/core';
import { absolutePath, splitPath } from '../byte-path.ts';
import { limits } from '../limits.ts';

/** What is to be backed up, as a tree of folders down to the named files and folders. */
export interface SourceFolder {
  readonly name: Buffer;
  /** Folders on the way, in byte order; empty for a source. */
  readonly children: readonly SourceFolder[];
  /** The person named this one: it is backed up with everything in it. */
  readonly named: boolean;
}

interface Growing {
  readonly name: Buffer;
  readonly children: Map<string, Growing>;
  named: boolean;
}

/**
 * The tree of the sources from the root on, as restic stores absolute paths: `/home/anne` becomes `home`, in it `anne`.
 * A source inside another one is part of it already.
 * @throws usage.option without any source
 */
export function sourceTree(sources: readonly (Buffer | string)[]): { root: SourceFolder; paths: Buffer[] } {
  if (sources.length === 0) throw new HoldfastError('usage.option', { message: 'There is nothing to back up.' });
  const root: Growing = { name: Buffer.from('/'), children: new Map(), named: false };
  const paths: Buffer[] = [];
  for (const source of sources) {
    const bytes = typeof source === 'string' ? Buffer.from(source) : source;
    if (bytes.length === 0 || bytes.includes(0))
      throw new HoldfastError('usage.option', { message: 'A source is empty or contains a zero byte.' });
    const path = absolutePath(bytes);
    if (!paths.some((other) => other.equals(path))) paths.push(path);
    const names = splitPath(path);
    if (names.length > limits.maxDepth)
      throw new HoldfastError('usage.option', { message: `A source lies more than ${limits.maxDepth} folders deep.` });
    let folder = root;
    for (const name of names) {
      const key = name.toString('latin1');
      const child = folder.children.get(key) ?? { name, children: new Map(), named: false };
      folder.children.set(key, child);
      folder = child;
    }
    folder.named = true;
  }
  return { root: finish(root), paths: paths.sort(Buffer.compare) };
}

function finish(folder: Growing): SourceFolder {
  const children = folder.named ? [] : [...folder.children.values()].map(finish);
  children.sort((a, b) => Buffer.compare(a.name, b.name));
  return { name: folder.name, children, named: folder.named };
}
