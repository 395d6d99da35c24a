/** What is no part of a backup of the whole computer. */
export interface LeftOut {
  readonly path: string;
  readonly reason: string;
}

/** A pattern that matches exactly this path, and what is below. */
export function exactPattern(path: string): string {
  return path.replaceAll(/[\\*?[]/g, (character) => `\\${character}`);
}

/**
 * Patterns that leave out what is in these folders, but neither the folders themselves nor file systems that are kept and mounted
 * below one of them, as with a disk below `/run`. From the outside in, so that what lies deeper decides.
 */
export function patternsFor(o: {
  readonly kept: readonly string[];
  readonly folders: readonly Pick<LeftOut, 'path'>[];
}): string[] {
  const leftOut = new Set(o.folders.map(({ path }) => path));
  const mounts = new Set([...o.kept, ...leftOut]);
  const emptied = new Set(leftOut);
  const takenBack = new Set<string>();
  /** The way down to it is there, as empty folders, if it leads through what is left out. */
  const reach = (path: string): void => {
    const above = foldersAbove(path);
    const innermost = above.findLastIndex((folder) => mounts.has(folder));
    const mount = above[innermost];
    if (mount === undefined || !leftOut.has(mount)) return;
    takenBack.add(path);
    for (const folder of above.slice(innermost + 1)) {
      takenBack.add(folder);
      emptied.add(folder);
    }
    reach(mount);
  };
  for (const kept of o.kept) reach(kept);
  const patterns = [
    ...[...takenBack].map((path) => ({ path, pattern: `!${exactPattern(path)}`, isNegated: true })),
    ...[...emptied].map((path) => ({ path, pattern: `${exactPattern(path)}/*`, isNegated: false })),
  ];
  return patterns
    .filter(({ path, isNegated }) => isNegated || !isHidden(path, { emptied, takenBack }))
    .sort((a, b) => depthOf(a.path) - depthOf(b.path) || Number(b.isNegated) - Number(a.isNegated))
    .map(({ pattern }) => pattern);
}

/** Its content is left out with that of a folder above. */
function isHidden(
  path: string,
  { emptied, takenBack }: { readonly emptied: ReadonlySet<string>; readonly takenBack: ReadonlySet<string> },
): boolean {
  const above = foldersAbove(path);
  const innermostEmptied = above.findLastIndex((folder) => emptied.has(folder));
  if (innermostEmptied < 0) return false;
  return ![...above.slice(innermostEmptied + 1), path].some((folder) => takenBack.has(folder));
}

/** From the outermost one below the root on inwards. */
function foldersAbove(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return parts.slice(0, -1).map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
}

function depthOf(path: string): number {
  return path.split('/').filter((part) => part !== '').length;
}
