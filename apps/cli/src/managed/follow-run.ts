import {
  type ErrorReport,
  type ExitStatus,
  exitStatus,
  formatBytes,
  formatDuration,
  HoldfastError,
  hasCode,
  oneLine,
  systemClock,
} from '@holdfast/core';
import type { BackupResult, DrillResult, RestClient, RestoreResult, Run, ToldEntries } from '@holdfast/protocol';
import { counted, type OutputOptions, printJson, printText, type WorkView } from '../output.ts';
import { type Statistics, statisticsLines, statisticsOf } from './run-statistics-text.ts';

/** A stream of events that breaks is opened again: the run goes on without us. */
export const maxReconnects = 10;
export const reconnectPauseMs = 1000;
/** Entries in the way of a restore that are named for people. */
const maxOverwrittenShown = 50;

interface Following {
  readonly client: RestClient;
  readonly view: WorkView;
  readonly options: OutputOptions;
  readonly signal: AbortSignal;
}

/** Shows a run until it has ended, prints its result and gives the exit status. Ctrl-C leaves it running and says so. */
export async function followRun(started: Run, o: Following): Promise<ExitStatus> {
  return reportRun(await watched(started, o), o);
}

/** As `followRun`, for a run that is a step of something larger. Throws when it failed or was cancelled. */
export async function endOfRun(started: Run, o: Following): Promise<Run> {
  const run = await watched(started, o);
  throwFailure(run);
  return run;
}

async function watched(started: Run, o: Following): Promise<Run> {
  const { view, options, signal } = o;
  if (!options.json && !options.quiet) view.note(`The ${started.kind} is run ${started.id}.`);
  let run: Run;
  try {
    run = await watch(started, o);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new HoldfastError('run.cancelled', {
      message: `No longer watching; run ${started.id} goes on.`,
      guidance: `\`holdfast run show ${started.id} --follow\` watches it again, \`holdfast run cancel ${started.id}\` ends it.`,
      cause: error,
    });
  }
  view.done();
  return run;
}

async function watch(started: Run, { client, view, signal }: Following): Promise<Run> {
  let last = started;
  let degradations = 0;
  for (let failures = 0; ; failures += 1) {
    try {
      for await (const run of client.events('runEvents', { params: { id: started.id }, signal })) {
        last = run;
        failures = 0;
        if (run.progress) view.progress(run.progress);
        for (const { channel, usedInstead } of run.degradations.slice(degradations))
          view.note(degradationText(channel, usedInstead));
        degradations = run.degradations.length;
      }
      if (hasEnded(last)) return last;
      last = await client.call('run', { params: { id: started.id }, signal });
      if (hasEnded(last)) return last;
    } catch (error) {
      if (!isCutOff(error) || failures >= maxReconnects) throw error;
    }
    if (failures >= maxReconnects)
      throw new HoldfastError('channel.closed', { message: 'The server ends the stream of events again and again.' });
    await systemClock.sleep(reconnectPauseMs, signal);
  }
}

/** The stream ended without its end: it is opened again. */
export function isCutOff(error: unknown): boolean {
  return hasCode(error, 'channel.closed', 'channel.refused', 'channel.timeout', 'channel.unreachable', 'run.timeout');
}

function degradationText(channel: string, usedInstead: string): string {
  return `Warning: channel ${channel} could not be used, ${usedInstead} stands in for it (\`holdfast ports list\`).`;
}

function hasEnded({ state }: Run): boolean {
  return state !== 'queued' && state !== 'running';
}

/** Prints how a run ended. */
async function reportRun(run: Run, { client, options, signal }: Following): Promise<ExitStatus> {
  if (options.json) await printJson({ kind: 'run', run });
  else {
    throwFailure(run);
    if (!options.quiet) await printText(runText(run, await statisticsOf(client, run, signal)));
  }
  if (run.state === 'warning') return exitStatus.incomplete;
  if (run.state === 'cancelled') return exitStatus.cancelled;
  return run.state === 'failed' ? (errorOf(run)?.entry.exit ?? exitStatus.failed) : exitStatus.success;
}

function throwFailure(run: Run): void {
  if (run.state === 'failed')
    throw errorOf(run) ?? new HoldfastError('internal.unexpected', { message: `The ${run.kind} failed.` });
  if (run.state === 'cancelled')
    throw new HoldfastError('run.cancelled', { message: `The ${run.kind} was cancelled.` });
}

function errorOf({ error }: Run): HoldfastError | undefined {
  return error && HoldfastError.fromReport(error as ErrorReport);
}

const runNames: Readonly<Record<Run['kind'], string>> = {
  backup: 'Backup',
  restore: 'Restore',
  forget: 'Retention',
  prune: 'Prune',
  check: 'Check',
  drill: 'Drill',
  analysis: 'Analysis',
};

/** What a good drill found, for people. */
function drillLines(result: DrillResult): string[] {
  const { files, totalFiles, bytes, coverage } = result;
  const part = coverage === 'whole' ? '' : ` of ${counted(totalFiles, 'file')}, ${formatBytes(result.totalBytes)}`;
  return [
    `  Snapshot  ${result.snapshotId}`,
    `  Restored  ${counted(files, 'file')}, ${formatBytes(bytes)}${part}; all as they were backed up`,
    `  Time      ${formatDuration(result.restoreMs)}, ${formatBytes(result.bytesPerSecond)}/s, first file after ${formatDuration(result.firstByteMs)}`,
    ...(coverage === 'whole' ? [] : [`  Whole     about ${formatDuration(result.wholeRestoreMs)}`]),
    ...(result.ownersCompared ? [] : ['  Not seen  owners: the mover is not root']),
  ];
}

function scriptLines({ when, path, durationMs, output }: NonNullable<BackupResult['scripts']>[number]): string[] {
  const lines = output === '' ? [] : output.split('\n');
  return [
    `  Script    ${when} the backup, ${oneLine(path)}: ${formatDuration(durationMs)}`,
    ...lines.map((line) => `            ${oneLine(line)}`),
  ];
}

/** What was in the way of a restore, for people. */
function overwrittenLines({ dryRun, unchanged, kept, verified, overwritten, deleted }: RestoreResult): string[] {
  return [
    ...(unchanged ? [`  Unchanged ${counted(unchanged, 'file')}`] : []),
    ...(kept ? [`  Kept      ${counted(kept, 'entry', 'entries')} that exist`] : []),
    ...toldLines(dryRun ? 'Would overwrite' : 'Overwrote', overwritten, dryRun),
    ...toldLines(dryRun ? 'Would delete' : 'Deleted', deleted, dryRun),
    ...(verified === undefined ? [] : [`  Verified  ${counted(verified, 'file')}`]),
  ];
}

/** What a restore changed by its number, and what it would change by name. */
function toldLines(what: string, told: ToldEntries | undefined, dryRun = false): string[] {
  if (!told?.count) return [];
  const shown = dryRun ? told.paths.slice(0, maxOverwrittenShown) : [];
  const more = told.count - shown.length;
  return [
    `  ${what.padEnd(9)} ${counted(told.count, 'entry', 'entries')}`,
    ...shown.map((path) => `            ${oneLine(path)}`),
    ...(dryRun && more > 0 ? [`            … and ${more} more; --json names up to a thousand`] : []),
  ];
}

/** A run with its numbers, for people. */
export function runText(run: Run, statistics: Statistics = { samples: [], channels: [] }): string {
  const { result } = run;
  const lines = [`${runNames[run.kind]} ${run.id}: ${run.state}`];
  if (result?.kind === 'backup') {
    const { files } = result;
    lines.push(
      `  Snapshot  ${result.snapshotId}`,
      `  Files     ${counted(result.totalFiles, 'file')} (${files.new} new, ${files.changed} changed, ${files.unmodified} unmodified), ${formatBytes(result.totalBytes)}`,
      `  Read      ${formatBytes(result.readBytes)}, added ${formatBytes(result.newBytes)}, stored in ${formatBytes(result.storedBytes)}`,
      `  Time      ${formatDuration(result.durationMs)}`,
      ...(result.scripts ?? []).flatMap(scriptLines),
      ...(result.wholeComputer?.leftOut ?? []).map(
        ({ path, reason }) => `  Left out  ${oneLine(path)} (${oneLine(reason)})`,
      ),
    );
  } else if (result?.kind === 'restore') {
    lines.push(
      `  Snapshot  ${result.snapshotId}`,
      `  ${result.dryRun ? 'Would be ' : 'Restored '} ${counted(result.files, 'file')}, ${counted(result.directories, 'folder')}, ${formatBytes(result.bytes)} to ${oneLine(result.target)}`,
      ...(run.way === 'executor' ? ["  Way       through the repository's executor; the computer got no key"] : []),
      ...overwrittenLines(result),
      `  Time      ${formatDuration(result.durationMs)}`,
    );
  } else if (result?.kind === 'forget') {
    const retained = result.retained > 0 ? `, ${result.retained} protected until a date` : '';
    lines.push(`  Removed   ${counted(result.removed.length, 'snapshot')}, ${result.kept} kept${retained}`);
  } else if (result?.kind === 'prune' && result.dryRun) {
    lines.push(
      `  Would delete ${counted(result.deletedPacks, 'pack')}, ${formatBytes(result.deletedBytes)}; of ${counted(result.repackedPacks ?? 0, 'pack')} of them what is needed is packed again first`,
      `  Would free   ${formatBytes(result.freedBytes ?? 0)}`,
    );
  } else if (result?.kind === 'prune') {
    lines.push(`  Deleted   ${counted(result.deletedPacks, 'pack')}, ${formatBytes(result.deletedBytes)}`);
  } else if (result?.kind === 'check') {
    const read = result.bytesRead > 0 ? `, ${formatBytes(result.bytesRead)} read` : '';
    lines.push(`  Sound     ${counted(result.snapshots, 'snapshot')}, ${counted(result.packs, 'pack')}${read}`);
  } else if (result?.kind === 'drill') {
    lines.push(...drillLines(result));
  } else if (result?.kind === 'analysis') {
    const conspicuous = result.comparisons.filter(({ changes }) => changes.length > 0).length;
    lines.push(
      `  Compared  ${counted(result.comparisons.length, 'backup')} with earlier ones; in ${conspicuous} many files are gone or renamed`,
    );
  } else if (run.progress) {
    lines.push(
      `  Progress  ${run.progress.phase}, ${counted(run.progress.filesDone, 'file')}, ${formatBytes(run.progress.bytesDone)}`,
    );
  }
  if (run.carrier !== undefined) lines.push(`  Carrier   ${run.carrier}`);
  lines.push(...statisticsLines(run, statistics));
  for (const { channel, usedInstead } of run.degradations)
    lines.push(`  Degraded  ${degradationText(channel, usedInstead)}`);
  for (const problem of run.problems.slice(0, 20))
    lines.push(`  Problem   ${oneLine(problem.message)} (${problem.code})`);
  if (run.problemCount > 20) lines.push(`  Problem   … ${run.problemCount} in all`);
  if (run.error) lines.push(`  Error     ${oneLine(run.error.message)}`, `            ${oneLine(run.error.guidance)}`);
  return `${lines.join('\n')}\n`;
}
