import { HoldfastError } from '@holdfast/core';
import { isDamage, type Node, type ObjectId, type Repository } from '@holdfast/repository';
import { limits } from '../limits.ts';
import { subtreeOf, walkTree } from '../walk-tree.ts';

/** What became of the files of one extension, from one tree to another. */
export interface ExtensionChange {
  /** In lower case, without the dot; empty: files without one; `*`: all beyond `limits.countedExtensions`, together. */
  readonly extension: string;
  /** Files of it in the earlier tree. */
  readonly before: number;
  /**
   * So many fewer are in the later one: what was moved, or replaced as updates of programs do, is not gone. 0 of the files without
   * extension, of which caches and version control delete thousands.
   */
  readonly gone: number;
  /** Files that have it now, in the place of files of the same folder that are gone and had another one. */
  readonly renamed: number;
  /** In so many folders. */
  readonly folders: number;
}

export interface ExtensionChangesOptions {
  readonly before: ObjectId;
  readonly after: ObjectId;
  /** Extensions of which fewer files are gone, and fewer renamed, are not given. */
  readonly minGone: number;
  readonly minRenamed: number;
  /** So many at most, those with most files first. */
  readonly maxExtensions: number;
  /** Of what stands after the last dot of a name; more is no extension. */
  readonly maxExtensionBytes: number;
  /** Told of folders that cannot be read: what is in them counts as unchanged. */
  readonly onProblem: (problem: HoldfastError) => void;
  readonly signal: AbortSignal;
}

/**
 * Counts by extension which files are gone between two trees, and which were renamed. Only folders that both have, and that differ, are
 * read, unless there may be something to tell: then also the new ones, and for the number of files that there were all of the earlier
 * tree.
 * @throws internal.limit for a tree that has no end within reason
 */
export async function extensionChanges(
  repository: Repository,
  options: ExtensionChangesOptions,
): Promise<ExtensionChange[]> {
  const isTold = ({ gone, renamed }: Counts): boolean => gone >= options.minGone || renamed >= options.minRenamed;
  const possible = await countChanges(repository, { ...options, withNew: false });
  if (![...possible.values()].some(isTold)) return [];
  // The same folders again: what can't be read was told.
  const again = { ...options, onProblem: () => undefined };
  const counts = await countChanges(repository, { ...again, withNew: true });
  if (![...counts.values()].some(isTold)) return [];
  await countBefore(repository, { ...again, counts });
  return [...counts]
    .filter(([, each]) => isTold(each))
    .map(([extension, each]) => ({ extension, ...each }))
    .sort((a, b) => b.gone + b.renamed - (a.gone + a.renamed))
    .slice(0, options.maxExtensions);
}

type Counts = { -readonly [Name in Exclude<keyof ExtensionChange, 'extension'>]: number };
type ByExtension = Map<string, Counts>;

const beyondCounted = '*';

/** The counts of an extension. Whoever makes up more of them than are counted is seen by all the others together. */
function countsOf(all: ByExtension, extension: string): Counts {
  const key = all.has(extension) || all.size < limits.countedExtensions ? extension : beyondCounted;
  const known = all.get(key);
  if (known) return known;
  const counts = { before: 0, gone: 0, renamed: 0, folders: 0 };
  all.set(key, counts);
  return counts;
}

/** `before` is not counted here. Without the folders that are new, what was only moved or replaced counts as gone. */
async function countChanges(
  repository: Repository,
  o: ExtensionChangesOptions & { readonly withNew: boolean },
): Promise<ByExtension> {
  const counts: ByExtension = new Map();
  for await (const { before, after } of changedFolders(repository, o)) {
    const [gone, appeared] = [extensionsOnlyIn(before, after, o), extensionsOnlyIn(after, before, o)];
    const allGone = [...gone.values()].reduce((sum, count) => sum + count, 0);
    for (const [extension, count] of gone) if (extension !== '') countsOf(counts, extension).gone += count;
    for (const [extension, count] of appeared) {
      const renamed = Math.min(count, allGone - (gone.get(extension) ?? 0));
      const each = countsOf(counts, extension);
      if (o.withNew) each.gone -= count;
      if (renamed === 0) continue;
      each.renamed += renamed;
      each.folders += 1;
    }
  }
  for (const each of counts.values()) each.gone = Math.max(0, each.gone);
  return counts;
}

/** Counts by extension the files of a folder whose names the other one does not have. */
function extensionsOnlyIn(
  folder: readonly Node[],
  other: readonly Node[],
  { maxExtensionBytes }: Pick<ExtensionChangesOptions, 'maxExtensionBytes'>,
): ReadonlyMap<string, number> {
  const there = new Set(fileNames(other));
  const counts = new Map<string, number>();
  for (const name of fileNames(folder)) {
    if (there.has(name)) continue;
    const extension = extensionOf(name, maxExtensionBytes);
    counts.set(extension, (counts.get(extension) ?? 0) + 1);
  }
  return counts;
}

/** Counts the files that there were of each extension that is in `counts`. */
async function countBefore(
  repository: Repository,
  o: ExtensionChangesOptions & { readonly counts: ByExtension },
): Promise<void> {
  const { counts, signal, onProblem } = o;
  const count = folderCounter();
  for await (const event of walkTree(repository, { tree: o.before, signal, onProblem, enter: count })) {
    if (event.kind !== 'node' || event.node.type !== 'file') continue;
    const each = counts.get(extensionOf(event.node.name.toString('latin1'), o.maxExtensionBytes));
    if (each) each.before += 1;
  }
  // Of these nobody knows how many there were: all that are known are gone.
  const beyond = counts.get(beyondCounted);
  if (beyond) beyond.before = beyond.gone;
}

/** The folders that two trees have differently, and those that only one has: the new ones only where they are asked for. */
async function* changedFolders(
  repository: Repository,
  o: Pick<ExtensionChangesOptions, 'before' | 'after' | 'onProblem' | 'signal'> & { readonly withNew: boolean },
): AsyncGenerator<{ readonly before: readonly Node[]; readonly after: readonly Node[] }> {
  const { signal, withNew } = o;
  const load = async (tree: ObjectId | undefined): Promise<readonly Node[]> =>
    tree === undefined ? [] : repository.loadTree(tree, { signal });
  const count = folderCounter();
  const waiting: { readonly before: ObjectId | undefined; readonly after: ObjectId | undefined }[] = [];
  if (o.before !== o.after) waiting.push({ before: o.before, after: o.after });
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    signal.throwIfAborted();
    count();
    try {
      const [before, after] = await Promise.all([load(next.before), load(next.after)]);
      const [earlier, later] = [foldersByName(before), foldersByName(after)];
      for (const [name, tree] of earlier)
        if (later.get(name) !== tree) waiting.push({ before: tree, after: later.get(name) });
      if (withNew)
        for (const [name, tree] of later) if (!earlier.has(name)) waiting.push({ before: undefined, after: tree });
      yield { before, after };
    } catch (error) {
      if (!isDamage(error)) throw error;
      o.onProblem(error);
    }
  }
}

/**
 * Who may write into a repository can make a folder that holds the same folder twice, which holds another one twice, and so on: nobody
 * would come to the end of it.
 */
function folderCounter(): () => true {
  let folders = 0;
  return () => {
    folders += 1;
    if (folders <= limits.comparedFolders) return true;
    throw new HoldfastError('internal.limit', {
      message: `A snapshot has more than ${limits.comparedFolders} folders to compare.`,
    });
  };
}

/** With a character for each byte. */
function fileNames(nodes: readonly Node[]): string[] {
  return nodes.flatMap(({ type, name }) => (type === 'file' ? [name.toString('latin1')] : []));
}

function foldersByName(nodes: readonly Node[]): ReadonlyMap<string, ObjectId> {
  return new Map(
    nodes.flatMap((node) =>
      node.type === 'dir' ? [[node.name.toString('latin1'), subtreeOf({ path: node.name, node })]] : [],
    ),
  );
}

/** In lower case; a dot at the beginning makes a name hidden, and is none of an extension. */
function extensionOf(name: string, maxBytes: number): string {
  const dot = name.lastIndexOf('.');
  if (dot <= 0 || name.length - dot - 1 > maxBytes) return '';
  const extension = Buffer.from(name.slice(dot + 1), 'latin1').toString();
  // Whoever names files does not write on terminals.
  return extension.toLowerCase().replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, '?');
}
