import { type ExitStatus, exitStatus, HoldfastError, oneLine } from '@holdfast/core';
import { PatternList, patternText } from '@holdfast/engine';
import { type FoundSnapshot, formatTime, type Repository, shortId } from '@holdfast/repository';
import {
  type NodeFilter,
  type RewrittenSnapshot,
  removeRewritten,
  rewriteSnapshots,
} from '@holdfast/repository/snapshots';
import type { RewriteCommandOptions } from '../commands/rewrite.ts';
import { print, printJson, shownTime } from '../output.ts';
import type { Work } from '../work.ts';
import { chosenSnapshots } from './chosen-snapshots.ts';
import { openGivenRepository } from './open-repository.ts';
import { readPatternFiles } from './pattern-files.ts';

export async function runRewrite(
  references: readonly string[],
  options: RewriteCommandOptions,
  work: Work,
): Promise<ExitStatus> {
  const { signal, view, resources } = work;
  const filter = await givenFilter(options);
  const newHost = options.newHost || undefined;
  const { newTime, snapshotSummary: withSummary = false, dryRun = false, forget = false } = options;
  if (filter === undefined && newHost === undefined && newTime === undefined && !withSummary)
    throw new HoldfastError('usage.option', {
      message: 'Nothing to do: no pattern, no --new-host, --new-time or --snapshot-summary was given.',
    });
  const repository = await openGivenRepository(options, { resources, signal });
  let problems = 0;
  const onProblem = (problem: HoldfastError): void => {
    problems += 1;
    view.problem(problem);
  };
  const say = async (text: string): Promise<void> => {
    if (!options.json && !options.quiet) await print(`${text}\n`);
  };
  const byId = new Map<string, FoundSnapshot>();
  const rewritten = await underLock(repository, { exclusive: false, lock: !dryRun }, work, async (working) => {
    const snapshots = await chosenSnapshots(repository, { references, filter: options, signal: working, onProblem });
    for (const found of snapshots) byId.set(found.id, found);
    await repository.loadIndex({ signal: working });
    return rewriteSnapshots(repository, {
      snapshots,
      filter,
      withSummary,
      newHost,
      newTime: newTime === undefined ? undefined : localTime(newTime),
      replace: forget,
      dryRun,
      signal: working,
      onProblem,
      onStart: ({ id }) => view.status(`Snapshot ${shortId(id)}`),
    });
  });
  view.done();
  for (const { oldId, newId } of rewritten) {
    const found = byId.get(oldId);
    if (found !== undefined) await say(`\n${snapshotLine(found)}`);
    await say(newId === undefined ? 'would save new snapshot' : `saved new snapshot ${shortId(newId)}`);
  }
  if (forget && !dryRun && rewritten.length > 0) {
    await removeOld(repository, rewritten, work);
    await say('');
    for (const { oldId } of rewritten) await say(`removed old snapshot ${shortId(oldId)}`);
  }
  if (options.json) await printJson({ kind: 'rewrite', dryRun, rewritten, forgotten: forget && !dryRun });
  else await say(`\n${verdict(rewritten.length, dryRun)}`);
  return problems === 0 ? exitStatus.success : exitStatus.incomplete;
}

async function removeOld(repository: Repository, rewritten: readonly RewrittenSnapshot[], work: Work): Promise<void> {
  try {
    await underLock(repository, { exclusive: true, lock: true }, work, (signal) =>
      removeRewritten(repository, rewritten, { signal }),
    );
  } catch (error) {
    work.view.note(
      'The new snapshots are stored, but not all old ones are removed. The same command again does the rest; with --retry-lock it waits for locks of others.',
    );
    throw error;
  }
}

/** Does something under a lock, which is given back at its end: a process can't hold both kinds at once. */
async function underLock<Result>(
  repository: Repository,
  o: { readonly exclusive: boolean; readonly lock: boolean },
  { signal, view }: Work,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  if (!o.lock) return run(signal);
  await using lock = await repository.lock({ exclusive: o.exclusive, signal, onProblem: view.problem });
  return await run(AbortSignal.any([signal, lock.signal]));
}

/** Patterns for what goes, or for what stays: both at once would need an order, so restic has either, too. */
async function givenFilter(options: RewriteCommandOptions): Promise<NodeFilter | undefined> {
  const { exclude, excludeFile, iexclude, iexcludeFile, include, includeFile, iinclude, iincludeFile } = options;
  const left = await givenPatterns({ exact: exclude, file: excludeFile, anyCase: iexclude, anyCaseFile: iexcludeFile });
  const kept = await givenPatterns({ exact: include, file: includeFile, anyCase: iinclude, anyCaseFile: iincludeFile });
  if (left !== undefined && kept !== undefined)
    throw new HoldfastError('usage.option', {
      message: 'Patterns are either for what goes or for what stays, not both.',
    });
  if (left !== undefined) return (path) => !left(path);
  return kept && ((path) => kept(path) || 'way');
}

async function givenPatterns(given: {
  readonly exact: readonly string[] | undefined;
  readonly file: readonly string[] | undefined;
  readonly anyCase: readonly string[] | undefined;
  readonly anyCaseFile: readonly string[] | undefined;
}): Promise<((path: readonly Buffer[]) => boolean) | undefined> {
  const exact = new PatternList([...(given.exact ?? []), ...(await readPatternFiles(given.file))]);
  const small = [...(given.anyCase ?? []), ...(await readPatternFiles(given.anyCaseFile))];
  const anyCase = new PatternList(small.map((pattern) => pattern.toLowerCase()));
  if (exact.empty && anyCase.empty) return undefined;
  return (path) => {
    const parts = path.map(patternText);
    return exact.matches(parts) || (!anyCase.empty && anyCase.matches(parts.map((part) => part.toLowerCase())));
  };
}

/** With the distance of this computer's time zone, as restic writes it. */
function localTime(timeNs: bigint): string {
  return formatTime(timeNs, -new Date(Number(timeNs / 1_000_000n)).getTimezoneOffset());
}

function snapshotLine({ id, snapshot }: FoundSnapshot): string {
  const { paths, time, username, hostname } = snapshot;
  const maker = `${username ?? ''}@${hostname ?? ''}`;
  return oneLine(`snapshot ${shortId(id)} of [${paths.join(' ')}] at ${shownTime(time)} by ${maker}`);
}

function verdict(count: number, dryRun: boolean): string {
  if (count === 0) return dryRun ? 'no snapshots would be modified' : 'no snapshots were modified';
  return dryRun ? `would modify ${count} snapshots` : `modified ${count} snapshots`;
}
