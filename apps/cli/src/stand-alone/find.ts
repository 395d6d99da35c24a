import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import type { WalkedNode } from '@holdfast/engine';
import {
  blobsOfPacks,
  FindPatterns,
  findEntries,
  findObjects,
  IdPrefixes,
  type WantedObjects,
} from '@holdfast/engine/find';
import { type FoundSnapshot, type Repository, shortId } from '@holdfast/repository';
import type { FindCommandOptions } from '../commands/find.ts';
import type { Work } from '../work.ts';
import { chosenSnapshots } from './chosen-snapshots.ts';
import { type FindPrinter, JsonFindings, TextFindings } from './find-printers.ts';
import { openForReading } from './open-for-reading.ts';
import { givenRepository } from './open-repository.ts';

export async function runFind(
  patterns: readonly string[],
  options: FindCommandOptions,
  work: Work,
): Promise<ExitStatus> {
  const search = searchOf(patterns, options);
  const { view } = work;
  let unreadable = 0;
  const onProblem = (problem: HoldfastError): void => {
    unreadable += 1;
    view.problem(problem);
  };
  const printer: FindPrinter = options.json ? new JsonFindings() : new TextFindings(options);
  if ((await givenRepository(options)) === undefined) {
    const { findByServer } = await import('../managed/server-listing.ts');
    await findByServer({ patterns, search, printer, onProblem }, options, work);
  } else await findIn(search, { options, work, printer, onProblem });
  return unreadable === 0 ? exitStatus.success : exitStatus.incomplete;
}

async function findIn(
  search: Search,
  o: {
    readonly options: FindCommandOptions;
    readonly work: Work;
    readonly printer: FindPrinter;
    readonly onProblem: (problem: HoldfastError) => void;
  },
): Promise<void> {
  const { options, printer, onProblem } = o;
  const { repository, signal } = await openForReading(options, o.work);
  const references = options.snapshot ?? [];
  const oldestFirst = await chosenSnapshots(repository, { references, filter: options, signal, onProblem });
  await repository.loadIndex({ signal });
  const wanted = await wantedObjects(repository, search, signal);
  for (const found of options.reverse ? oldestFirst : oldestFirst.reverse()) {
    const inSnapshot = (problem: HoldfastError, folder: WalkedNode): void =>
      onProblem(
        new HoldfastError(problem.code, {
          message: `${folder.path.toString()} in snapshot ${shortId(found.id)}: ${problem.message}`,
          cause: problem,
        }),
      );
    const from = { tree: found.snapshot.tree, onProblem: inSnapshot, signal };
    if (wanted === undefined) await printEntries(repository, { found, from, search, printer });
    else for await (const object of findObjects(repository, { ...from, wanted })) await printer.object(object, found);
  }
  await printer.end();
  if (options.showPackId && wanted !== undefined) await printer.packs(repository.index);
}

export type Search =
  | {
      readonly kind: 'entries';
      readonly patterns: FindPatterns;
      readonly oldestNs: bigint | undefined;
      readonly newestNs: bigint | undefined;
    }
  | { readonly kind: 'blob' | 'tree' | 'pack'; readonly ids: IdPrefixes };

/** @throws usage.option before anything is opened */
function searchOf(patterns: readonly string[], options: FindCommandOptions): Search {
  const { oldest, newest } = options;
  const kinds = (['blob', 'tree', 'pack'] as const).filter((name) => options[name]);
  if (kinds.length > 1)
    throw new HoldfastError('usage.option', { message: '--blob, --tree and --pack exclude each other.' });
  const [kind] = kinds;
  if (kind !== undefined) return { kind, ids: new IdPrefixes(patterns) };
  if (oldest !== undefined && newest !== undefined && oldest > newest)
    throw new HoldfastError('usage.option', { message: '--oldest must be before --newest.' });
  return { kind: 'entries', patterns: new FindPatterns(patterns, options), oldestNs: oldest, newestNs: newest };
}

async function wantedObjects(
  repository: Repository,
  search: Search,
  signal: AbortSignal,
): Promise<WantedObjects | undefined> {
  if (search.kind === 'entries') return undefined;
  if (search.kind === 'pack') return blobsOfPacks(repository, { packs: search.ids, signal });
  return search.kind === 'blob' ? { blobs: search.ids } : { trees: search.ids };
}

async function printEntries(
  repository: Repository,
  o: {
    readonly found: FoundSnapshot;
    readonly from: Pick<Parameters<typeof findEntries>[1], 'tree' | 'onProblem' | 'signal'>;
    readonly search: Search;
    readonly printer: FindPrinter;
  },
): Promise<void> {
  if (o.search.kind !== 'entries') return;
  for await (const entry of findEntries(repository, { ...o.from, ...o.search })) await o.printer.entry(entry, o.found);
}
