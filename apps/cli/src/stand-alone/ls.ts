import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { findFolder, isListed, type ListedNode, listFolders } from '@holdfast/engine';
import type { FoundSnapshot } from '@holdfast/repository';
import type { LsOptions } from '../commands/ls.ts';
import { print } from '../output.ts';
import type { Work } from '../work.ts';
import { JsonList, type ListPrinter, NcduList, TextList } from './ls-printers.ts';
import { sortEntries } from './ls-sort.ts';
import { openForReading } from './open-for-reading.ts';
import { givenRepository } from './open-repository.ts';
import { selectSnapshot, splitReference } from './snapshot-selection.ts';

/** A snapshot, and of its entries those that are listed and the folders that lead to them. */
export interface Listing {
  readonly found: FoundSnapshot;
  readonly entries: AsyncIterable<({ readonly kind: 'node' } & ListedNode) | { readonly kind: 'left' }>;
}

export interface WantedListing {
  readonly reference: string;
  /** Where paths begin. */
  readonly root: string;
  readonly folders: readonly string[];
  readonly recursive: boolean;
  readonly onProblem: (problem: HoldfastError) => void;
}

export async function runLs(
  what: { readonly reference: string; readonly folders: readonly string[] },
  options: LsOptions,
  work: Work,
): Promise<ExitStatus> {
  const folders = what.folders.map(checkedFolder);
  checkCombinations(options);
  const { reference, path: root } = splitReference(what.reference);
  let unreadable = 0;
  const onProblem = (problem: HoldfastError): void => {
    unreadable += 1;
    work.view.problem(problem);
  };
  const wanted = { reference, root, folders, recursive: options.recursive === true, onProblem };
  const { found, entries } =
    (await givenRepository(options)) === undefined
      ? await (await import('../managed/server-listing.ts')).listByServer(wanted, options, work)
      : await listOf(wanted, options, work);
  const printer = printerOf(options, folders);
  await printer.begin(found);
  const missing = new Set(folders);
  const collected: ListedNode[] = [];
  const sorted = options.sort !== 'name' || options.reverse === true;
  for await (const event of entries) {
    if (event.kind === 'left') {
      await printer.leave();
      continue;
    }
    const where = event.path.toString();
    const shown = isListed(where, folders);
    missing.delete(where);
    if (sorted && shown) collected.push(event);
    else if (!sorted) await printer.node(event, shown);
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

async function listOf(wanted: WantedListing, options: LsOptions, work: Work): Promise<Listing> {
  const { repository, signal } = await openForReading(options, work);
  const { reference, onProblem } = wanted;
  const { id, snapshot } = await selectSnapshot(repository, { reference, filter: options, signal, onProblem });
  await repository.loadIndex({ signal });
  const tree = await findFolder(repository, { tree: snapshot.tree, path: wanted.root, signal });
  return {
    found: { id, snapshot: { ...snapshot, tree } },
    entries: listFolders(repository, { ...wanted, tree, signal }),
  };
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
