import { join } from 'node:path';
import { type ExitStatus, exitStatus, formatBytes, formatCount, HoldfastError, oneLine } from '@holdfast/core';
import { isObjectId, type ObjectId, parseObjectId, type Repository } from '@holdfast/repository';
import {
  type Loss,
  type RepairedIndex,
  type RepairedPacks,
  repairIndex,
  repairPacks,
  repairSnapshots,
  type SnapshotRepair,
} from '@holdfast/repository/repair';
import type {
  RepairIndexCommandOptions,
  RepairPacksCommandOptions,
  RepairSnapshotsCommandOptions,
} from '../commands/repair.ts';
import { resolvePath } from '../data-directory.ts';
import { counted, print, printJson } from '../output.ts';
import type { Work } from '../work.ts';
import { chosenSnapshots } from './chosen-snapshots.ts';
import { keepCopy } from './kept-copy.ts';
import { openGivenRepository } from './open-repository.ts';
import type { RepositoryOptions } from './repository-options.ts';
import { printable } from './restic-text.ts';

export async function runRepairIndex(options: RepairIndexCommandOptions, work: Work): Promise<ExitStatus> {
  const { repository, signal } = await openLocked(options, work, { exclusive: true });
  const result = await repairIndex(repository, {
    readAllPacks: options.readAllPacks,
    signal,
    onProgress: ({ done, total }) =>
      work.view.status(`Reading headers of packs  ${formatCount(done)} of ${formatCount(total)}`),
  });
  work.view.done();
  if (options.json) await printJson({ kind: 'repair-index', ...result });
  else if (!options.quiet || result.unreadablePacks.length > 0) await print(indexText(result));
  return result.unreadablePacks.length === 0 ? exitStatus.success : exitStatus.incomplete;
}

function indexText(result: RepairedIndex): string {
  const lines = [
    ...result.unreadableIndexes.map(({ id, message }) => `removed index ${id}: ${message}`),
    ...result.missingPacks.map((id) => `pack ${id} is missing: it is not listed any more`),
    ...result.addedPacks.map((id) => `pack ${id} was not listed and is now`),
    ...result.unreadablePacks.map(
      ({ id, message, listed }) =>
        `pack ${id} has a damaged header: ${message} ${listed ? 'Its blobs stay listed.' : 'Nobody knows what is in it; it stays where it is.'}`,
    ),
  ];
  const { writtenIndexes, removedIndexes } = result;
  const nothing = writtenIndexes.length === 0 && removedIndexes.length === 0;
  lines.push(
    nothing
      ? 'The index agrees with the packs; nothing was changed.'
      : `${counted(writtenIndexes.length, 'index file')} written, ${formatCount(removedIndexes.length)} removed.`,
  );
  const salvageable = result.unreadablePacks.filter(({ listed }) => listed).map(({ id }) => id);
  if (salvageable.length > 0) lines.push(`  What to do: \`holdfast repair packs ${salvageable.join(' ')}\``);
  if (result.missingPacks.length > 0)
    lines.push(
      '  What to do: back up the same files again, then `holdfast repair snapshots` for what is still missing.',
    );
  return `${lines.join('\n')}\n`;
}

export async function runRepairPacks(
  references: readonly string[],
  options: RepairPacksCommandOptions,
  work: Work,
): Promise<ExitStatus> {
  const { repository, signal } = await openLocked(options, work, { exclusive: true });
  const ids = await findPacks(repository, references, signal);
  const copies = resolvePath(options.copies);
  const result = await repairPacks(repository, ids, {
    signal,
    keepCopy: (id, bytes) => keepCopy(join(copies, `pack-${id}`), bytes),
    onProgress: ({ done, total }) => work.view.status(`Saving blobs of packs  ${done} of ${total}`),
  });
  work.view.done();
  if (options.json) await printJson({ kind: 'repair-packs', ...result });
  else if (!options.quiet || result.lostCount > 0) await print(packsText(result, copies));
  return result.lostCount === 0 && result.unknownPacks.length === 0 ? exitStatus.success : exitStatus.incomplete;
}

/** Packs may be gone and still be listed, so whole ids are taken as they are. */
async function findPacks(
  repository: Repository,
  references: readonly string[],
  signal: AbortSignal,
): Promise<ObjectId[]> {
  const beginnings = references.filter((reference) => !isObjectId(reference));
  const packs = beginnings.length === 0 ? [] : await repository.list('data', { signal });
  return references.map((reference) => {
    if (isObjectId(reference)) return reference;
    const [found, second] = packs.filter(({ id }) => reference !== '' && id.startsWith(reference));
    if (found === undefined || second !== undefined)
      throw new HoldfastError('usage.option', {
        message: `${found === undefined ? 'No pack has' : 'Several packs have'} an id that begins with ${JSON.stringify(reference.slice(0, 80))}.`,
        guidance: 'Give ids of packs, as `holdfast check --read-data` names them.',
      });
    return parseObjectId(found.id, 'The list of packs');
  });
}

function packsText(result: RepairedPacks, copies: string): string {
  const lines = [
    ...result.lost.map(
      ({ packId, id, type, sizeBytes, message, elsewhere }) =>
        `${type} blob ${id} of pack ${packId.slice(0, 8)} (${formatBytes(sizeBytes)}) is lost there: ${message}${elsewhere ? ' Another pack has it, too.' : ''}`,
    ),
    ...result.unknownPacks.map((id) => `pack ${id}: neither its header nor the index tells what is in it; it stays.`),
  ];
  const more = result.lostCount - result.lost.length;
  if (more > 0) lines.push(`… and ${formatCount(more)} more.`);
  lines.push(
    `${counted(result.savedBlobs, 'blob')} saved (${formatBytes(result.savedBytes)}), ${formatCount(result.lostCount)} lost; ${counted(result.removedPacks.length, 'damaged pack')} removed, copies are in ${copies}.`,
  );
  if (result.lostCount > 0)
    lines.push(
      '  What to do: back up the same files again, then `holdfast repair snapshots` for what is still missing.',
    );
  return `${lines.join('\n')}\n`;
}

export async function runRepairSnapshots(
  references: readonly string[],
  options: RepairSnapshotsCommandOptions,
  work: Work,
): Promise<ExitStatus> {
  const { view } = work;
  const dryRun = options.dryRun === true;
  const { repository, signal } = await openLocked(options, work, { exclusive: !dryRun });
  let problems = 0;
  const onProblem = (problem: HoldfastError): void => {
    problems += 1;
    view.problem(problem);
  };
  const snapshots = await chosenSnapshots(repository, { references, filter: options, signal, onProblem });
  const outcomes: SnapshotRepair[] = [];
  await repairSnapshots(repository, snapshots, {
    forget: options.forget,
    dryRun,
    signal,
    onProblem,
    onSnapshot: async (outcome) => {
      outcomes.push(outcome);
      view.status(`Following snapshots  ${outcomes.length} of ${snapshots.length}`);
      if (options.json || outcome.outcome === 'sound') return;
      view.done();
      await print(snapshotText(outcome, dryRun));
    },
  });
  view.done();
  const count = (kind: SnapshotRepair['outcome']): number => outcomes.filter(({ outcome }) => outcome === kind).length;
  const [sound, repaired, lost] = [count('sound'), count('repaired'), count('lost')];
  if (options.json)
    await printJson({ kind: 'repair-snapshots', dryRun, sound, repaired, lost, snapshots: outcomes.map(outcomeJson) });
  else if (!options.quiet)
    await print(
      `${counted(sound, 'snapshot')} sound, ${formatCount(repaired)} ${dryRun ? 'would be ' : ''}repaired, ${formatCount(lost)} lost.\n`,
    );
  return problems === 0 && lost === 0 ? exitStatus.success : exitStatus.incomplete;
}

function snapshotText(outcome: SnapshotRepair, dryRun: boolean): string {
  const { id, snapshot } = outcome;
  const lines = [
    oneLine(`snapshot ${id.slice(0, 8)} of ${snapshot.paths.join(' ')} at ${snapshot.time} by ${snapshot.hostname}`),
  ];
  if (outcome.outcome === 'lost') lines.push(`  nothing of it can be read: ${oneLine(outcome.problem.message)}`);
  if (outcome.outcome === 'repaired') {
    lines.push(...outcome.losses.map((loss) => `  ${lossText(loss)}`));
    const more = outcome.lossCount - outcome.losses.length;
    if (more > 0) lines.push(`  … and ${formatCount(more)} more`);
    lines.push(
      outcome.newId === undefined
        ? '  a repaired snapshot would be stored'
        : `  the repaired snapshot is ${outcome.newId.slice(0, 8)}`,
    );
  }
  if (outcome.outcome !== 'sound' && outcome.removed)
    lines.push(dryRun ? '  the damaged one would be removed' : '  the damaged one was removed');
  return `${lines.join('\n')}\n`;
}

function lossText({ path, kind, lostBytes, remainingBytes }: Loss): string {
  const name = `/${printable(path)}`;
  const bytes = (value: bigint): string => formatBytes(Number(value));
  if (kind === 'content') return `file ${name}: ${bytes(lostBytes)} lost, ${bytes(remainingBytes)} remain`;
  if (kind === 'folder') return `folder ${name}: cannot be read, is empty now`;
  if (kind === 'entry') return `${name}: cannot be restored, removed`;
  return `file ${name}: nothing lost, its size is ${bytes(remainingBytes)}`;
}

function outcomeJson(outcome: SnapshotRepair) {
  const { id, outcome: kind } = outcome;
  if (outcome.outcome === 'sound') return { id, outcome: kind };
  if (outcome.outcome === 'lost')
    return { id, outcome: kind, removed: outcome.removed, problem: outcome.problem.toJSON() };
  const { newId, removed, losses, lossCount } = outcome;
  const lostBytes = losses.reduce((sum, loss) => sum + loss.lostBytes, 0n);
  return {
    id,
    outcome: kind,
    newId,
    removed,
    lostBytes,
    lossCount,
    losses: losses.map(({ path, ...loss }) => {
      const text = path.toString();
      const exact = Buffer.from(text).equals(path) ? {} : { pathBase64: path.toString('base64') };
      return { path: `/${text}`, ...exact, ...loss };
    }),
  };
}

/** Opens and locks; the signal aborts on Ctrl-C and when the lock is lost. */
async function openLocked(
  options: RepositoryOptions,
  { signal, view, resources }: Work,
  { exclusive }: { readonly exclusive: boolean },
): Promise<{ repository: Repository; signal: AbortSignal }> {
  const repository = await openGivenRepository(options, { resources, signal });
  const lock = resources.use(await repository.lock({ exclusive, signal, onProblem: view.problem }));
  return { repository, signal: AbortSignal.any([signal, lock.signal]) };
}
