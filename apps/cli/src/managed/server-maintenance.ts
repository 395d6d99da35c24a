import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import type { RestClient, Run } from '@holdfast/protocol';
import type { FoundSnapshot, ObjectId } from '@holdfast/repository';
import type { ForgetResult } from '@holdfast/repository/snapshots';
import type { CheckCommandOptions } from '../commands/check.ts';
import type { ForgetOptions } from '../commands/forget.ts';
import type { PruneAmounts, PruneCommandOptions } from '../commands/prune.ts';
import { isFiltered } from '../stand-alone/snapshot-selection.ts';
import type { Work } from '../work.ts';
import { endOfRun, followRun } from './follow-run.ts';
import { chooseRepository } from './names.ts';
import { connectServer } from './server-connection.ts';
import { readByServer } from './server-reading.ts';

/** `check`, `prune` and `forget` of a repository of the server: runs of its executor. */

/** What the server reads, and forgets, at once. */
const snapshotsAtOnce = 1_000;

export async function checkByServer(
  references: readonly string[],
  options: CheckCommandOptions,
  work: Work,
): Promise<ExitStatus> {
  const { readDataSubset } = options;
  const [, part, of] = /^(\d{1,3})\/(\d{1,3})$/.exec(readDataSubset ?? '') ?? [];
  if (references.length > 0 || isFiltered(options)) refuse('checks whole repositories, not chosen snapshots');
  if (readDataSubset !== undefined && part === undefined) refuse('reads parts such as 1/7, not shares or sizes');
  if (options.readData === 'blobs') refuse('reads packs, not only blobs');
  const { client, id } = await theRepository(options, work);
  const read =
    part === undefined ? (options.readData ? 'everything' : 'nothing') : { part: Number(part), of: Number(of) };
  const body = { kind: 'check', read } as const;
  const run = await client.call('maintain', { params: { id }, body, signal: work.signal });
  return followRun(run, { client, options, ...work });
}

export async function pruneByServer(options: PruneCommandOptions, work: Work): Promise<ExitStatus> {
  const { client, id } = await theRepository(options, work);
  return followRun(await startPrune(client, { id, options, signal: work.signal }), { client, options, ...work });
}

async function startPrune(
  client: RestClient,
  {
    id,
    options,
    signal,
  }: {
    readonly id: string;
    readonly options: PruneAmounts & { readonly dryRun?: boolean };
    readonly signal: AbortSignal;
  },
): Promise<Run> {
  for (const name of ['maxRepackSize', 'repackCacheableOnly', 'repackUncompressed', 'repackSmallerThan'] as const)
    if (options[name] !== undefined)
      refuse('packs again what it finds best: leave out --max-repack-size and --repack-…');
  const maxUnusedPercent = percentOf(options.maxUnused);
  const body = { kind: 'prune', maxUnusedPercent, ...(options.dryRun ? { dryRun: true } : {}) } as const;
  return client.call('maintain', { params: { id }, body, signal });
}

/** The share of the repository that may be unused, from how much that is beside something used. */
function percentOf(maxUnused: PruneAmounts['maxUnused']): number {
  const [besideOne, besideTwo] = [maxUnused(1_000_000), maxUnused(2_000_000)];
  if (besideOne === Number.POSITIVE_INFINITY) return 100;
  if (besideTwo === besideOne && besideOne > 0) refuse('knows --max-unused as a share or unlimited, not as a size');
  return (100 * besideOne) / (1_000_000 + besideOne);
}

/** What `forget` needs of a repository of the server. */
export interface ServerForget {
  /** All that the caller may see there. */
  readonly snapshots: readonly FoundSnapshot[];
  /** Deletes them, and tells what went. */
  readonly forget: (ids: readonly ObjectId[]) => Promise<ForgetResult>;
  readonly prune: () => Promise<ExitStatus>;
}

export async function forgetByServer(
  options: ForgetOptions,
  work: Work,
  onProblem: (problem: HoldfastError) => void,
): Promise<ServerForget> {
  const { signal } = work;
  const { client, id } = await theRepository(options, work);
  const listed = await client.list('snapshots', { query: { repositoryId: id }, signal });
  const snapshots: FoundSnapshot[] = [];
  for (const snapshotIds of parts(listed.map((one) => one.id))) {
    const body = { what: 'snapshots' as const, snapshotIds: [...snapshotIds] };
    for await (const event of readByServer(client, { repositoryId: id, body, onProblem, signal }))
      if (event.kind === 'snapshot') snapshots.push(event.found);
  }
  return {
    snapshots,
    forget: async (ids) => {
      const removed = new Set<string>();
      for (const snapshotIds of parts(ids)) {
        const body = { snapshotIds: [...snapshotIds] };
        const started = await client.call('forgetSnapshots', { params: { id }, body, signal });
        const { result } = await endOfRun(started, { client, options: { quiet: true }, ...work });
        if (result?.kind === 'forget') for (const one of result.removed) removed.add(one);
      }
      const failed = ids.filter((one) => !removed.has(one));
      return {
        removed: ids.filter((one) => removed.has(one)),
        failed: new Map(
          failed.map((one) => [
            one,
            new HoldfastError('storage.immutable', {
              message: `Snapshot ${one.slice(0, 8)} has to stay until a date.`,
            }),
          ]),
        ),
      };
    },
    prune: async () => {
      const run = await startPrune(client, { id, options, signal });
      await endOfRun(run, { client, options: { quiet: true }, ...work });
      return exitStatus.success;
    },
  };
}

function* parts<Id extends string>(ids: readonly Id[]): Generator<readonly Id[]> {
  for (let at = 0; at < ids.length; at += snapshotsAtOnce) yield ids.slice(at, at + snapshotsAtOnce);
}

/** The one that was named, or the only one. */
async function theRepository(
  options: Parameters<typeof connectServer>[0] & { readonly repository?: string },
  { resources, signal }: Work,
): Promise<{ readonly client: RestClient; readonly id: string }> {
  const client = await connectServer(options, resources);
  if (options.repository !== undefined)
    return { client, id: (await chooseRepository(client, { text: options.repository, signal })).id };
  const repositories = await client.list('repositories', { signal });
  const [only, another] = repositories;
  if (only !== undefined && another === undefined) return { client, id: only.id };
  throw new HoldfastError('usage.option', {
    message: only ? `The server has ${repositories.length} repositories.` : 'The server has no repository yet.',
    guidance: only
      ? 'Say which one with --repository; `holdfast repo list` has their names.'
      : 'Make one with `holdfast repo create`.',
  });
}

function refuse(what: string): never {
  throw new HoldfastError('usage.option', {
    message: `The server ${what}.`,
    guidance: 'Leave that out, or work without the server, with --repo.',
  });
}
