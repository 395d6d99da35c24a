/** Whether a product version is older, by Semantic Versioning's precedence. One of another form is not. */
export function isOlderVersion(version: string, than: string): boolean {
  const [left, right] = [parse(version), parse(than)];
  if (!left || !right) return false;
  const at = left.numbers.findIndex((number, index) => number !== right.numbers[index]);
  if (at >= 0) return (left.numbers[at] ?? 0) < (right.numbers[at] ?? 0);
  // A pre-release comes before its release; between two of them the texts decide well enough.
  if (left.preRelease === '' || right.preRelease === '') return left.preRelease !== '' && right.preRelease === '';
  return left.preRelease < right.preRelease;
}

function parse(version: string): { numbers: number[]; preRelease: string } | undefined {
  const match = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]+))?(?:\+.*)?$/.exec(version);
  return match ? { numbers: match.slice(1, 4).map(Number), preRelease: match[4] ?? '' } : undefined;
}
