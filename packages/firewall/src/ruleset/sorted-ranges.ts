/** Ranges of numbers that don't overlap, sorted: for the binary search below. */
export type SortedRanges = readonly Range[];

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/** Overlapping and adjacent ranges become one. */
export function sortRanges(all: Iterable<Range>): SortedRanges {
  const sorted: { first: bigint; last: bigint }[] = [];
  for (const { first, last } of [...all].sort((a, b) => (a.first < b.first ? -1 : Number(a.first > b.first)))) {
    const before = sorted.at(-1);
    if (!before || first > before.last + 1n) sorted.push({ first, last });
    else if (last > before.last) before.last = last;
  }
  return sorted;
}

export function isIn(ranges: SortedRanges, value: bigint): boolean {
  let [low, high] = [0, ranges.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const range = ranges[middle];
    if (!range) return false;
    if (value < range.first) high = middle - 1;
    else if (value > range.last) low = middle + 1;
    else return true;
  }
  return false;
}
