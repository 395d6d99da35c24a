import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { findFolder, type WalkedNode, walkTree } from '@holdfast/engine';
import type { LsOptions } from '../commands/ls.ts';
import { refuseWithoutExecutor } from '../managed/executor.ts';
import { print } from '../output.ts';
import type { Work } from '../work.ts';
import { JsonList, type ListPrinter, NcduList, TextList } from './ls-printers.ts';
import { sortEntries } from './ls-sort.ts';
import { openForReading } from './open-for-reading.ts';
import { givenRepository } from './open-repository.ts';
import { selectSnapshot, splitReference } from './snapshot-selection.ts';

export async function runLs(
  what: { readonly reference: string; readonly folders: readonly string[] },
  options: LsOptions,
  work: Work,
): Promise<ExitStatus> {
  const folders = what.folders.map(checkedFolder);
  checkCombinations(options);
  if ((await givenRepository(options)) === undefined) refuseWithoutExecutor('ls');
  const { view } = work;
  const { reference, path } = splitReference(what.reference);
  const { repository, signal } = await openForReading(options, work);
  const found = await selectSnapshot(repository, { reference, filter: options, signal, onProblem: view.problem });
  await repository.loadIndex({ signal });
  const tree = await findFolder(repository, { tree: found.snapshot.tree, path, signal });

  const printer = printerOf(options, folders);
  await printer.begin({ id: found.id, snapshot: { ...found.snapshot, tree } });
  const missing = new Set(folders);
  const collected: WalkedNode[] = [];
  const sorted = options.sort !== 'name' || options.reverse === true;
  let unreadable = 0;
  const isShown = (where: string): boolean => folders.length === 0 || folders.some((folder) => isIn(where, folder));
  const leadsToShown = (where: string): boolean =>
    folders.length === 0 || folders.some((folder) => isIn(folder, where));
  const entries = walkTree(repository, {
    tree,
    signal,
    enter: (folder) => {
      const where = folder.path.toString();
      return leadsToShown(where) || (options.recursive === true && isShown(where));
    },
    onProblem: (problem) => {
      unreadable += 1;
      view.problem(problem);
    },
  });
  for await (const event of entries) {
    const where = event.path.toString();
    const shown = isShown(where);
    if (!shown && !leadsToShown(where)) continue;
    if (event.kind === 'left') await printer.leave();
    else {
      missing.delete(where);
      if (sorted && shown) collected.push(event);
      else if (!sorted) await printer.node(event, shown);
    }
  }
  for (const entry of sortEntries(collected, options)) await printer.node(entry, true);
  await printer.end();
  missing.delete('/');
  for (const folder of missing)
    throw new HoldfastError('request.missing', {
      message: `The snapshot has no ${folder}.`,
      context: { path: folder },
    });
  return unreadable === 0 ? exitStatus.success : exitStatus.incomplete;
}

function printerOf(options: LsOptions, folders: readonly string[]): ListPrinter {
  if (options.json) return new JsonList();
  if (options.ncdu) return new NcduList(print);
  return new TextList({ ...options, folders });
}

function checkCombinations({ json, ncdu, sort, reverse }: LsOptions): void {
  if (ncdu && json) throw new HoldfastError('usage.option', { message: '--json and --ncdu exclude each other.' });
  if (ncdu && (sort !== 'name' || reverse))
    throw new HoldfastError('usage.option', { message: '--ncdu cannot be sorted: leave out --sort and --reverse.' });
}

function checkedFolder(folder: string): string {
  if (!folder.startsWith('/'))
    throw new HoldfastError('usage.option', { message: `A path in a snapshot begins with a slash: ${folder}.` });
  return folder.replace(/\/+/g, '/').replace(/(?<=.)\/$/, '');
}

/** True when a path is the folder or below it. */
function isIn(path: string, folder: string): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`);
}
