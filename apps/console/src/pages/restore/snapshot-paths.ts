/** Paths of snapshots: `/` between names, whatever the computer that they are of. */

export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function childOf(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`;
}

/** The folder and those above it, from the root on. */
export function folderChain(path: string): readonly { readonly name: string; readonly path: string }[] {
  const names = path.split('/').filter((name) => name !== '');
  return names.map((name, at) => ({ name, path: `/${names.slice(0, at + 1).join('/')}` }));
}

/** Where somebody wants to begin to look: the deepest folder that holds all that was backed up. */
export function startingFolder(sources: readonly string[]): string {
  const [first, ...others] = sources;
  if (first === undefined || sources.some((source) => !source.startsWith('/'))) return '/';
  const parts = first.split('/').filter((name) => name !== '');
  // Of a single source the folder above: whether it is a folder itself is not known.
  let shared = others.length === 0 ? Math.max(0, parts.length - 1) : parts.length;
  for (const other of others) {
    const names = other.split('/').filter((name) => name !== '');
    let same = 0;
    while (same < shared && names[same] === parts[same]) same += 1;
    shared = same;
  }
  return `/${parts.slice(0, shared).join('/')}`;
}

/** Control characters, and what turns the direction of writing around; joiners belong to some scripts. */
const unseen = /(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A name as people may be shown it: whoever made it must not make it look like another. */
export function shown(path: string): string {
  return path.replaceAll(unseen, (letter) => `\\u{${(letter.codePointAt(0) ?? 0).toString(16)}}`);
}
