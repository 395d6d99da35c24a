import { HoldfastError } from '@holdfast/core';
import { type FoundSnapshot, parseTime, shortId } from '@holdfast/repository';
import { formatGoTime } from './go-time.ts';

/** How folders of snapshots are made: restic's templates. */
export interface FolderTemplates {
  /** `%i` short id, `%I` id, `%u` user, `%h` computer, `%t` each tag, `%T` time. */
  readonly paths: readonly string[];
  /** Go's layout of a time. */
  readonly time: string;
}

export const defaultTemplates: FolderTemplates = {
  paths: ['ids/%i', 'snapshots/%T', 'hosts/%h/%T', 'tags/%t/%T'],
  time: '2006-01-02T15:04:05Z07:00',
};

export type FolderItem =
  /** A folder of such items, known by its path: `/hosts/web1`. */
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'snapshot'; readonly path: string; readonly found: FoundSnapshot }
  | { readonly kind: 'link'; readonly path: string; readonly target: string; readonly found: FoundSnapshot };

/** Items by name. */
export type SnapshotFolder = ReadonlyMap<string, FolderItem>;

/** The folders above the snapshots, by their paths; `/` is the root. */
export function snapshotFolders(
  snapshots: readonly FoundSnapshot[],
  templates: FolderTemplates,
): ReadonlyMap<string, SnapshotFolder> {
  const folders = new Map<string, Map<string, FolderItem>>([['/', new Map()]]);
  const folderAt = (path: string): Map<string, FolderItem> => {
    const known = folders.get(path);
    if (known !== undefined) return known;
    const made = new Map<string, FolderItem>();
    folders.set(path, made);
    const above = folderAt(parentOf(path));
    const name = nameOf(path);
    // A snapshot of that name stays what it is.
    if (!above.has(name)) above.set(name, { kind: 'folder', path });
    return made;
  };
  for (const template of templates.paths) {
    const path = staticFolder(template);
    if (path !== undefined) folderAt(path);
  }
  const oldestFirst = snapshots.toSorted(
    (a, b) => compare(timeOf(a), timeOf(b)) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
  for (const found of oldestFirst)
    for (const template of templates.paths)
      for (const path of pathsOf(template, templates.time, found)) {
        const folder = folderAt(parentOf(path));
        const name = uniqueName(folder, nameOf(path));
        const at = join(parentOf(path), name);
        folder.set(name, { kind: 'snapshot', path: at, found });
        if (!template.endsWith('%T')) continue;
        const link = join(parentOf(path), 'latest');
        folder.set('latest', { kind: 'link', path: link, target: name, found });
      }
  return folders;
}

/** @throws usage.option for templates that cannot make a folder */
export function checkTemplates({ paths, time }: FolderTemplates): void {
  if (time === '' || time.startsWith('/') || time.endsWith('/'))
    throw new HoldfastError('usage.option', { message: 'A time template is not empty, and has no slash at its ends.' });
  for (const path of paths)
    if (!/%[iIuhtT]/.test(path))
      throw new HoldfastError('usage.option', {
        message: `The path template ${JSON.stringify(path)} has none of %i, %I, %u, %h, %t and %T: all snapshots would have one name.`,
      });
}

function pathsOf(template: string, timeTemplate: string, { id, snapshot }: FoundSnapshot): string[] {
  const values: Readonly<Record<string, string>> = {
    i: shortId(id),
    I: id,
    u: fileName(snapshot.username ?? ''),
    h: fileName(snapshot.hostname ?? ''),
    T: formatGoTime(snapshot.time, timeTemplate),
  };
  // Without tags there is no folder for it.
  const tags = template.includes('%t') ? (snapshot.tags ?? []) : [''];
  const paths = tags.map((tag) =>
    template.replace(/%(.)/g, (_, letter: string) => (letter === 't' ? fileName(tag) : (values[letter] ?? letter))),
  );
  return [...new Set(paths)].map(clean);
}

/** Names from a snapshot must be single names: what is none is replaced, as restic does with tags. */
function fileName(text: string): string {
  if (text === '' || text === '.') return '_';
  return text === '..' ? '__' : text.replaceAll(/[/\0]/g, '_');
}

/** The folder that exists also without any snapshot: what stands before the first variable. */
function staticFolder(template: string): string | undefined {
  const variable = /%[iIuhtT]/.exec(template);
  const slash = template.lastIndexOf('/', variable?.index ?? 0);
  return variable === null || slash <= 0 ? undefined : clean(template.slice(0, slash));
}

function clean(path: string): string {
  const names = path.split('/').filter((name) => name !== '' && name !== '.' && name !== '..');
  return `/${names.join('/')}`;
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function join(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`;
}

function uniqueName(folder: ReadonlyMap<string, FolderItem>, name: string): string {
  let unique = name;
  for (let number = 1; folder.has(unique); number += 1) unique = `${name}-${number}`;
  return unique;
}

function timeOf({ snapshot }: FoundSnapshot): bigint {
  return parseTime(snapshot.time) ?? 0n;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
