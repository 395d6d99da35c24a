/** The known word that somebody probably meant; undefined when none is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase();
  let best: { readonly text: string; readonly distance: number } | undefined;
  for (const text of known) {
    const candidate = text.toLowerCase();
    // A word that goes on (agent: agent-linux) is as near as one with two slips.
    const goesOn = wanted.length >= 3 && candidate.startsWith(wanted);
    const distance = goesOn ? 2 : distanceBetween(wanted, candidate, (best?.distance ?? 4) - 1);
    if (distance <= Math.max(1, Math.min(3, wanted.length / 3)) || goesOn)
      if (!best || distance < best.distance) best = { text, distance };
  }
  return best?.text;
}

/** Insertions, deletions, replacements and swaps of neighbours; anything above the limit is `limit + 1`. */
function distanceBetween(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      next.push(cost);
    }
    [before, row] = [row, next];
  }
  return row.at(-1) ?? 0;
}

/** ` Did you mean store-1?`, or nothing. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const found = nearest(word, known);
  return found === undefined ? '' : ` Did you mean ${found}?`;
}
