import { type ExitStatus, exitStatus, HoldfastError, oneLine } from '@holdfast/core';
import {
  applyPolicy,
  type FoundSnapshot,
  isEmptyPolicy,
  type KeepCount,
  type KeptSnapshot,
  type ObjectId,
  parseCalendarSpan,
  policyText,
  type RetentionPolicy,
} from '@holdfast/repository';
import { type ForgetResult, forgetSnapshots } from '@holdfast/repository/snapshots';
import type { ForgetOptions, KeepOptions } from '../commands/forget.ts';
import { counted, print, printJson, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import type { Work } from '../work.ts';
import { givenRepository, openGivenRepository } from './open-repository.ts';
import { pruneAndShow } from './prune.ts';
import { refuseOtherPacks } from './repository-options.ts';
import { groupSnapshots, type SnapshotGroupKey } from './snapshot-groups.ts';
import { snapshotJson } from './snapshot-json.ts';
import { byTime, givenHosts, matches, splitTagList } from './snapshot-selection.ts';

/** What becomes of one group. */
interface GroupPlan {
  readonly key: SnapshotGroupKey;
  readonly keep: readonly KeptSnapshot[];
  readonly remove: readonly FoundSnapshot[];
}

export async function runForget(
  references: readonly string[],
  options: ForgetOptions,
  work: Work,
): Promise<ExitStatus> {
  const policy = givenPolicy(options);
  requireSense(references, policy, options);
  if (options.prune) refuseOtherPacks(options);
  const { view } = work;
  const dryRun = options.dryRun === true;
  let problems = 0;
  const onProblem = (problem: HoldfastError): void => {
    problems += 1;
    view.problem(problem);
  };
  let plans: readonly GroupPlan[] = [];
  const choose = (snapshots: readonly FoundSnapshot[]): ObjectId[] => {
    if (references.length > 0) return named(references, snapshots, options).map(({ id }) => id);
    plans = planGroups(snapshots, policy, options);
    return plans.flatMap(({ remove }) => remove.map(({ id }) => id));
  };
  const place =
    (await givenRepository(options)) === undefined
      ? await placeByServer(options, work, onProblem)
      : await placeOf(options, work, onProblem);
  const result = await place.forget(choose, dryRun);
  for (const error of result.failed.values()) onProblem(error);
  if (options.json) {
    if (plans.length > 0) await printJson(plans.map(planJson));
  } else if (!options.quiet) await print(resultText(plans, policy, result, options));
  // What must stay until its date does not keep a prune from the rest.
  const broken = [...result.failed.values()].some(({ code }) => code !== 'storage.immutable');
  if (options.prune && result.removed.length > 0 && !broken) {
    problems += await place.prune(result.removed, dryRun);
  }
  return problems === 0 ? exitStatus.success : exitStatus.incomplete;
}

/** Where snapshots are forgotten: an open repository, or one of the server. */
interface ForgetPlace {
  readonly forget: (
    choose: (snapshots: readonly FoundSnapshot[]) => ObjectId[],
    dryRun: boolean,
  ) => Promise<ForgetResult>;
  /** Gives how much could not be deleted. */
  readonly prune: (removed: readonly ObjectId[], dryRun: boolean) => Promise<number>;
}

type OnProblem = (problem: HoldfastError) => void;

async function placeOf(options: ForgetOptions, work: Work, onProblem: OnProblem): Promise<ForgetPlace> {
  const { signal } = work;
  const repository = await openGivenRepository(options, work);
  return {
    forget: (choose, dryRun) => forgetSnapshots(repository, { choose, dryRun, onProblem, signal }),
    prune: async (removed, dryRun) => {
      const without = dryRun ? { withoutSnapshots: new Set(removed) } : {};
      const report = await pruneAndShow(repository, { options, dryRun, noLock: dryRun, ...without, work });
      return report.failed;
    },
  };
}

async function placeByServer(options: ForgetOptions, work: Work, onProblem: OnProblem): Promise<ForgetPlace> {
  const { forgetByServer } = await import('../managed/server-maintenance.ts');
  const { snapshots, forget, prune } = await forgetByServer(options, work, onProblem);
  return {
    forget: async (choose, dryRun) => {
      const ids = choose(snapshots);
      return dryRun ? { removed: ids, failed: new Map() } : forget(ids);
    },
    prune: async (_, dryRun) => {
      if (!dryRun) await prune();
      return 0;
    },
  };
}

function requireSense(references: readonly string[], policy: RetentionPolicy, options: ForgetOptions): void {
  const refuse = (message: string, guidance: string): never => {
    throw new HoldfastError('usage.option', { message, guidance });
  };
  if (!options.lock && !options.dryRun)
    refuse('--no-lock is for --dry-run only: nobody may delete without a lock.', 'Leave one of the two out.');
  if (references.length > 0 || !isEmptyPolicy(policy)) return;
  if (!options.unsafeAllowRemoveAll)
    refuse(
      'Neither a policy nor snapshots were given, so nothing is removed.',
      'Say what to keep, for instance --keep-daily 7 --keep-weekly 4, or name snapshots to remove.',
    );
  if (givenHosts(options) === undefined && options.tag === undefined && options.path === undefined)
    refuse(
      '--unsafe-allow-remove-all alone would remove every snapshot of the repository.',
      'Choose by --host, --tag or --path which ones it is about.',
    );
}

/** The snapshots that a person named. One that is not there stops everything: nobody meant the others alone. */
function named(
  references: readonly string[],
  snapshots: readonly FoundSnapshot[],
  options: ForgetOptions,
): FoundSnapshot[] {
  const found = new Set<FoundSnapshot>();
  for (const reference of references) {
    const fitting =
      reference === 'latest'
        ? snapshots
            .filter((snapshot) => matches(snapshot, options))
            .sort(byTime)
            .slice(-1)
        : snapshots.filter(({ id }) => /^[0-9a-f]{1,64}$/.test(reference) && id.startsWith(reference));
    const [only] = fitting;
    if (only === undefined)
      throw new HoldfastError('snapshot.missing', {
        message: `There is no snapshot ${reference}. Nothing was removed.`,
      });
    if (fitting.length > 1)
      throw new HoldfastError('usage.option', {
        message: `${fitting.length} snapshots have ids that begin with ${reference}. Nothing was removed.`,
        guidance: 'Give more digits of the id.',
      });
    found.add(only);
  }
  return [...found];
}

function planGroups(snapshots: readonly FoundSnapshot[], policy: RetentionPolicy, options: ForgetOptions): GroupPlan[] {
  const now = new Date();
  const chosen = snapshots.filter((snapshot) => matches(snapshot, options)).sort(byTime);
  return groupSnapshots(chosen, options.groupBy).map(({ key, snapshots: group }) => {
    const { keep, remove } = applyPolicy(group, policy, now);
    if (keep.length === 0 && !isEmptyPolicy(policy))
      throw new HoldfastError('usage.option', {
        message: `The policy would remove the last snapshot of the group "${groupText(key)}". Nothing was removed.`,
        guidance: 'Add --keep-last 1, or leave that group out by --host, --tag or --path.',
      });
    return { key, keep, remove };
  });
}

function givenPolicy(options: KeepOptions): RetentionPolicy {
  return {
    last: keepCount(options.keepLast, '--keep-last'),
    counts: {
      hourly: keepCount(options.keepHourly, '--keep-hourly'),
      daily: keepCount(options.keepDaily, '--keep-daily'),
      weekly: keepCount(options.keepWeekly, '--keep-weekly'),
      monthly: keepCount(options.keepMonthly, '--keep-monthly'),
      yearly: keepCount(options.keepYearly, '--keep-yearly'),
    },
    within: span(options.keepWithin),
    periodsWithin: {
      hourly: span(options.keepWithinHourly),
      daily: span(options.keepWithinDaily),
      weekly: span(options.keepWithinWeekly),
      monthly: span(options.keepWithinMonthly),
      yearly: span(options.keepWithinYearly),
    },
    tags: (options.keepTag ?? []).map(splitTagList),
  };
}

function keepCount(text: string | undefined, option: string): KeepCount | undefined {
  if (text === undefined || text === 'unlimited') return text;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new HoldfastError('usage.option', {
    message: `${option} ${text.slice(0, 40)}: it must be a whole number, or unlimited.`,
    guidance: text.startsWith('-') ? 'Negative numbers mean nothing here; unlimited keeps all.' : 'See --help.',
  });
}

function span(text: string | undefined) {
  return text === undefined ? undefined : parseCalendarSpan(text);
}

function planJson({ key, keep, remove }: GroupPlan) {
  return {
    tags: key.tags,
    host: key.hostname,
    paths: key.paths,
    keep: keep.length === 0 ? null : keep.map(snapshotJson),
    remove: remove.length === 0 ? null : remove.map(snapshotJson),
    reasons: keep.length === 0 ? null : keep.map((kept) => ({ snapshot: snapshotJson(kept), matches: kept.reasons })),
  };
}

function resultText(
  plans: readonly GroupPlan[],
  policy: RetentionPolicy,
  { removed, failed }: ForgetResult,
  options: ForgetOptions,
): string {
  const parts: string[] = [];
  if (plans.length > 0 && !isEmptyPolicy(policy)) parts.push(`Applying policy: ${policyText(policy)}\n`);
  for (const { key, keep, remove } of plans) {
    const heading = groupText(key);
    parts.push(heading === '' ? '' : `\nsnapshots for (${heading}):\n`);
    if (keep.length > 0) parts.push(`keep ${counted(keep.length, 'snapshot')}:\n${listText(keep, options)}\n`);
    if (remove.length > 0) parts.push(`remove ${counted(remove.length, 'snapshot')}:\n${listText(remove, options)}\n`);
  }
  if (options.dryRun) parts.push(`Would have removed ${counted(removed.length, 'snapshot')}.\n`);
  else parts.push(`Removed ${counted(removed.length, 'snapshot')}.\n`);
  if (failed.size > 0) parts.push(`${counted(failed.size, 'snapshot')} could not be removed.\n`);
  return parts.join('');
}

function listText(snapshots: readonly (FoundSnapshot & { reasons?: readonly string[] })[], options: ForgetOptions) {
  const short = options.compact === true;
  const withReasons = !short && snapshots.some(({ reasons }) => reasons !== undefined);
  const rows = snapshots
    .toSorted(byTime)
    .map(({ id, snapshot, reasons = [] }) => [
      id.slice(0, 8),
      shownTime(snapshot.time),
      snapshot.hostname ?? '',
      (snapshot.tags ?? []).join(','),
      ...(withReasons ? [reasons.join(', ')] : []),
      ...(short ? [] : [snapshot.paths.join(' ')]),
    ]);
  const heading = ['Id', 'Time', 'Host', 'Tags', ...(withReasons ? ['Reasons'] : []), ...(short ? [] : ['Paths'])];
  return table([heading, ...rows]);
}

function groupText({ hostname, tags, paths }: SnapshotGroupKey): string {
  const parts = [
    ...(hostname === '' ? [] : [`host [${hostname}]`]),
    ...(tags === null ? [] : [`tags [${tags.join(', ')}]`]),
    ...(paths === null ? [] : [`paths [${paths.join(', ')}]`]),
  ];
  return oneLine(parts.join(', '));
}
