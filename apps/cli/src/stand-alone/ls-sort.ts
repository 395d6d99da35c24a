import type { ListedNode } from '@holdfast/engine';
import { parseTime } from '@holdfast/repository';
import type { SortMode } from '../commands/ls.ts';

type Order = (a: ListedNode, b: ListedNode) => number;

const compare = (a: bigint | string, b: bigint | string): number => (a < b ? -1 : a > b ? 1 : 0);
const byTime =
  (field: 'mtime' | 'atime' | 'ctime'): Order =>
  (a, b) =>
    compare(parseTime(a.node[field]) ?? 0n, parseTime(b.node[field]) ?? 0n);

const orders: Readonly<Record<Exclude<SortMode, 'name'>, Order>> = {
  size: (a, b) => compare(a.node.size ?? 0n, b.node.size ?? 0n),
  time: byTime('mtime'),
  mtime: byTime('mtime'),
  atime: byTime('atime'),
  ctime: byTime('ctime'),
  extension: (a, b) => compare(extension(a.path), extension(b.path)),
};

/** As restic: `name` is the order of the walk, everything else is decided by the path where it is the same. */
export function sortEntries(
  entries: ListedNode[],
  options: { readonly sort: SortMode; readonly reverse?: boolean | undefined },
): ListedNode[] {
  const { sort } = options;
  if (sort !== 'name') entries.sort((a, b) => orders[sort](a, b) || Buffer.compare(a.path, b.path));
  return options.reverse ? entries.reverse() : entries;
}

/** From the last dot of the last name on, also where the name begins with it. */
function extension(path: Buffer): string {
  return /\.[^./]*$/.exec(path.toString('latin1'))?.[0] ?? '';
}
