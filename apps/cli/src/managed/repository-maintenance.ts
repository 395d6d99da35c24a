import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import type { RepositoryMaintenance, Retention } from '@holdfast/protocol';
import { Argument, type Command } from 'commander';
import { print, printJson } from '../output.ts';
import { followRun } from './follow-run.ts';
import { chooseRepository } from './names.ts';
import { performWithServer, type ServerWork } from './perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from './server-options.ts';

interface MaintainOptions extends ServerOptions {
  readonly readData?: boolean;
}

interface RetentionOptions extends ServerOptions {
  readonly keepDays?: string;
  readonly keepPoints?: string;
  readonly weekly?: string;
  readonly monthly?: string;
  readonly yearly?: string;
  readonly staleAfter?: string;
  readonly keepAll?: boolean;
}

const works = ['forget', 'prune', 'check', 'refresh'] as const;

/** `holdfast repo maintain`, `retention`: what the server has done in a repository, by the executor beside it. */
export function registerRepositoryMaintenance(repositories: Command): void {
  addServerOptions(
    repositories
      .command('maintain')
      .description('by the server: apply retention, free space, check, or list again what is there, now')
      .argument('<name>', 'name or id')
      .addArgument(new Argument('<work>', 'what to do').choices(works)),
  )
    .option('--read-data', 'with check: read all contents of packs')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast repo maintain laptops check --read-data\n  $ holdfast repo maintain laptops prune\n${serverHelp}`,
    )
    .action((name: string, work: (typeof works)[number], options: MaintainOptions) =>
      performWithServer(options, (context) => maintain({ name, work }, options, context)),
    );

  addServerOptions(
    repositories
      .command('retention')
      .description('by the server: show or set how long backups are kept; at least three of each computer stay')
      .argument('<name>', 'name or id'),
  )
    .option('--keep-days <n>', 'backups of so many days before the newest')
    .option('--keep-points <n>', 'the newest so many backups')
    .option('--weekly <n>', 'besides one of each week, for so many weeks')
    .option('--monthly <n>', 'besides one of each month, for so many months')
    .option('--yearly <n>', 'besides one of each year, for so many years')
    .option('--stale-after <days>', 'of a computer without a backup for so long only weeks, months and years')
    .option('--keep-all', 'everything, for ever')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast repo retention laptops\n  $ holdfast repo retention laptops --keep-days 14 --weekly 8 --monthly 12\n${serverHelp}`,
    )
    .action((name: string, options: RetentionOptions) =>
      performWithServer(options, (context) => showOrSet(name, options, context)),
    );
}

async function maintain(
  what: { readonly name: string; readonly work: (typeof works)[number] },
  options: MaintainOptions,
  { client, signal, view }: ServerWork,
): Promise<ExitStatus> {
  const { id } = await chooseRepository(client, { text: what.name, signal });
  const { work } = what;
  if (work === 'refresh') {
    const found = await client.call('refreshSnapshots', { params: { id }, signal });
    if (options.json) await printJson({ kind: 'refresh', ...found });
    else await print(`Snapshots: ${found.added} added, ${found.removed} removed, ${found.unreadable} can't be read.\n`);
    return found.unreadable === 0 ? exitStatus.success : exitStatus.incomplete;
  }
  const body =
    work === 'check'
      ? { kind: work, read: options.readData ? ('everything' as const) : ('nothing' as const) }
      : { kind: work };
  const run = await client.call('maintain', { params: { id }, body, signal });
  return followRun(run, { client, view, options, signal });
}

async function showOrSet(name: string, options: RetentionOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const { id } = await chooseRepository(client, { text: name, signal });
  const present = await client.call('repositoryMaintenance', { params: { id }, signal });
  const given = givenRetention(options);
  const { retention: _, ...rest } = present;
  const settings: RepositoryMaintenance = given
    ? await client.call('setRepositoryMaintenance', {
        params: { id },
        body: given === 'all' ? rest : { ...rest, retention: given },
        signal,
      })
    : present;
  if (options.json) await printJson({ kind: 'maintenance', ...settings });
  else await print(retentionText(settings.retention));
  return exitStatus.success;
}

/** Undefined: nothing was said, so it is only shown. */
function givenRetention(options: RetentionOptions): Retention | 'all' | undefined {
  const days = count(options.keepDays, '--keep-days');
  const points = count(options.keepPoints, '--keep-points');
  const gfs = {
    weekly: count(options.weekly, '--weekly'),
    monthly: count(options.monthly, '--monthly'),
    yearly: count(options.yearly, '--yearly'),
  };
  const staleAfterDays = count(options.staleAfter, '--stale-after');
  const more = Object.entries(gfs).filter(([, number]) => number !== undefined);
  const isBare = days === undefined && points === undefined;
  if (options.keepAll) {
    if (isBare && more.length === 0 && staleAfterDays === undefined) return 'all';
    throw new HoldfastError('usage.option', { message: '--keep-all stands alone.' });
  }
  if (isBare && more.length === 0 && staleAfterDays === undefined) return undefined;
  if ((days === undefined) === (points === undefined))
    throw new HoldfastError('usage.option', { message: 'Say either --keep-days or --keep-points.' });
  return {
    keep: days === undefined ? { by: 'points', points: points ?? 0 } : { by: 'days', days },
    ...(more.length > 0 ? { gfs: Object.fromEntries(more) } : {}),
    ...(staleAfterDays === undefined ? {} : { staleAfterDays }),
  };
}

function count(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new HoldfastError('usage.option', { message: `${option} takes a whole number from 1 on.` });
}

function retentionText(retention: Retention | undefined): string {
  if (!retention) return 'All backups are kept.\n';
  const { keep, gfs = {}, staleAfterDays } = retention;
  const lines = [
    keep.by === 'days'
      ? `Kept: ${keep.days} days before the newest backup, and at least the newest three.`
      : `Kept: the newest ${keep.points} backups.`,
    ...(gfs.weekly ? [`Besides one of each week, for ${gfs.weekly} weeks.`] : []),
    ...(gfs.monthly ? [`Besides one of each month, for ${gfs.monthly} months.`] : []),
    ...(gfs.yearly ? [`Besides one of each year, for ${gfs.yearly} years.`] : []),
    ...(staleAfterDays
      ? [`Of a computer without a backup for ${staleAfterDays} days only those of weeks, months and years.`]
      : []),
  ];
  return `${lines.join('\n')}\n`;
}
