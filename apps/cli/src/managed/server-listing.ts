import { HoldfastError } from '@holdfast/core';
import type { DiffSummary } from '@holdfast/engine/diff';
import type { Stats } from '@holdfast/engine/stats';
import type { FoundSnapshot, ObjectId } from '@holdfast/repository';
import type { DiffCommandOptions } from '../commands/diff.ts';
import type { FindCommandOptions } from '../commands/find.ts';
import type { LsOptions } from '../commands/ls.ts';
import type { StatsCommandOptions } from '../commands/stats.ts';
import type { WantedDiff } from '../stand-alone/diff.ts';
import type { Search } from '../stand-alone/find.ts';
import type { FindPrinter } from '../stand-alone/find-printers.ts';
import type { Listing, WantedListing } from '../stand-alone/ls.ts';
import type { Work } from '../work.ts';
import { connectServer } from './server-connection.ts';
import { type ListingRequest, readByServer, snapshotFirst } from './server-reading.ts';
import { chosenServerSnapshots, serverSnapshot } from './server-snapshots.ts';

/** `ls`, `find`, `stats` and `diff` of a repository of the server: its executor reads, and we print as always. */

/** The server reads so many snapshots at once. */
const snapshotsAtOnce = 1_000;

type OnProblem = (problem: HoldfastError) => void;

export async function listByServer(
  { reference, root, folders, recursive, onProblem }: WantedListing,
  options: LsOptions,
  { signal, resources }: Work,
): Promise<Listing> {
  const client = await connectServer(options, resources);
  const { id, repositoryId } = await serverSnapshot(client, { reference, filter: options, signal });
  const body: ListingRequest = { what: 'list', snapshotId: id, root, folders: [...folders], recursive };
  const events = readByServer(client, { repositoryId, body, onProblem, signal });
  const found = await snapshotFirst(events);
  return { found, entries: entriesOf(events) };
}

async function* entriesOf(events: ReturnType<typeof readByServer>): Listing['entries'] & AsyncGenerator {
  for await (const event of events) if (event.kind === 'node' || event.kind === 'left') yield event;
}

export async function findByServer(
  o: {
    readonly patterns: readonly string[];
    readonly search: Search;
    readonly printer: FindPrinter;
    readonly onProblem: OnProblem;
  },
  options: FindCommandOptions,
  { signal, resources }: Work,
): Promise<void> {
  const { search, printer, onProblem } = o;
  if (search.kind !== 'entries')
    throw new HoldfastError('usage.option', {
      message: `The server finds files; --${search.kind} needs the repository itself.`,
      guidance: 'Open it with --repo and a grant: `holdfast grant create NAME --for-restic --out FOLDER`.',
    });
  const { oldestNs, newestNs } = search;
  const client = await connectServer(options, resources);
  const chosen = await chosenServerSnapshots(client, {
    references: options.snapshot ?? [],
    filter: options,
    signal,
  });
  const { repositoryId } = chosen;
  const ids = chosen.snapshots.map(({ id }) => id);
  if (!options.reverse) ids.reverse();
  for (let at = 0; at < ids.length; at += snapshotsAtOnce) {
    const body: ListingRequest = {
      what: 'find',
      snapshotIds: ids.slice(at, at + snapshotsAtOnce),
      patterns: [...o.patterns],
      ignoreCase: options.ignoreCase === true,
      ...(oldestNs === undefined ? {} : { oldestNs: String(oldestNs) }),
      ...(newestNs === undefined ? {} : { newestNs: String(newestNs) }),
    };
    let found: FoundSnapshot | undefined;
    for await (const event of readByServer(client, { repositoryId, body, onProblem, signal }))
      if (event.kind === 'snapshot') found = event.found;
      else if (event.kind === 'node' && found !== undefined) await printer.entry(event, found);
  }
  await printer.end();
}

export async function statsByServer(
  { references, onProblem }: { readonly references: readonly string[]; readonly onProblem: OnProblem },
  options: StatsCommandOptions,
  { signal, resources }: Work,
): Promise<Stats> {
  const client = await connectServer(options, resources);
  const { repositoryId, snapshots } = await chosenServerSnapshots(client, { references, filter: options, signal });
  if (snapshots.length > snapshotsAtOnce)
    throw new HoldfastError('usage.option', {
      message: `The server counts at most ${snapshotsAtOnce} snapshots together, and these are ${snapshots.length}.`,
      guidance: 'Choose some of them with --host, --tag, --path or --at.',
    });
  const body: ListingRequest = { what: 'stats', snapshotIds: snapshots.map(({ id }) => id), mode: options.mode };
  for await (const event of readByServer(client, { repositoryId, body, onProblem, signal }))
    if (event.kind === 'stats') {
      const { compression, ...numbers } = event;
      return { ...numbers, ...(compression === undefined ? {} : { compression }) };
    }
  throw noAnswer();
}

export async function diffByServer(
  wanted: WantedDiff,
  options: DiffCommandOptions,
  { signal, resources }: Work,
): Promise<DiffSummary> {
  const client = await connectServer(options, resources);
  const before = await serverSnapshot(client, { reference: wanted.before.reference, filter: options, signal });
  const { repositoryId } = before;
  const filter = { repository: options.repository ?? repositoryId };
  const after = await serverSnapshot(client, { reference: wanted.after.reference, filter, signal });
  if (after.repositoryId !== repositoryId)
    throw new HoldfastError('usage.option', { message: 'The snapshots are in different repositories.' });
  await wanted.onFound([before.id as ObjectId, after.id as ObjectId]);
  const body: ListingRequest = {
    what: 'diff',
    before: { snapshotId: before.id, path: wanted.before.path },
    after: { snapshotId: after.id, path: wanted.after.path },
    metadata: options.metadata === true,
  };
  const { onProblem } = wanted;
  for await (const event of readByServer(client, { repositoryId, body, onProblem, signal }))
    if (event.kind === 'change') await wanted.onChange(event);
    else if (event.kind === 'compared') return event;
  throw noAnswer();
}

function noAnswer(): HoldfastError {
  return new HoldfastError('request.invalid', { message: 'The answer of the server has no result.' });
}
