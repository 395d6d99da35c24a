/** The known words that somebody probably meant, in their order: those with the fewest slips. Empty when none is near. */
export function nearest(word: string, known: Iterable<string>): readonly string[] {
  const wanted = word.toLowerCase();
  const limit = Math.max(1, Math.min(3, Math.floor(wanted.length / 3)));
  let fewest = limit;
  let found: string[] = [];
  for (const text of known) {
    const slips = slipsTo(wanted, text.toLowerCase(), fewest);
    if (slips > fewest) continue;
    if (slips < fewest) found = [];
    fewest = slips;
    found.push(text);
  }
  return found;
}

/** A word that stops at a hyphen (`agent` for `agent-linux`) has half a slip more than what is written of it. */
function slipsTo(wanted: string, candidate: string, limit: number): number {
  const whole = slips(wanted, candidate, limit);
  const stem = candidate.slice(0, candidate.indexOf('-', Math.max(3, wanted.length - limit)));
  return Math.min(whole, wanted.length >= 3 ? slips(wanted, stem, limit) + 0.5 : whole);
}

/** Insertions, deletions, replacements and swaps of neighbours; `limit + 1` stands for anything above the limit. */
function slips(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? (before[j - 2] ?? 0) + 1 : replaced;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replaced, swapped));
    }
    [before, row] = [row, next];
  }
  return row.at(-1) ?? 0;
}

/** ` Did you mean store-1?`, or nothing. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const found = nearest(word, known);
  const shown = found.slice(0, 4);
  const last = shown.pop();
  if (last === undefined) return '';
  return ` Did you mean ${shown.length === 0 ? last : `${shown.join(', ')} or ${last}`}?`;
}
