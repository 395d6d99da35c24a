import { type Command, Option } from 'commander';
import { collect } from '../option-values.ts';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, type SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { type GroupField, groupFields } from '../stand-alone/snapshot-groups.ts';
import { perform } from '../work.ts';
import { addPruneAmounts, type PruneAmounts } from './prune.ts';

/** Texts of the policy's options; what they mean is read when the command runs. */
export interface KeepOptions {
  readonly keepLast?: string;
  readonly keepHourly?: string;
  readonly keepDaily?: string;
  readonly keepWeekly?: string;
  readonly keepMonthly?: string;
  readonly keepYearly?: string;
  readonly keepWithin?: string;
  readonly keepWithinHourly?: string;
  readonly keepWithinDaily?: string;
  readonly keepWithinWeekly?: string;
  readonly keepWithinMonthly?: string;
  readonly keepWithinYearly?: string;
  readonly keepTag?: string[];
}

export interface ForgetOptions extends RepositoryOptions, SnapshotFilter, PruneAmounts, KeepOptions {
  readonly groupBy: readonly GroupField[];
  readonly compact?: boolean;
  readonly dryRun?: boolean;
  readonly lock: boolean;
  readonly prune?: boolean;
  readonly unsafeAllowRemoveAll?: boolean;
}

const periods = [
  ['-H', 'hourly', 'hour'],
  ['-d', 'daily', 'day'],
  ['-w', 'weekly', 'week'],
  ['-m', 'monthly', 'month'],
  ['-y', 'yearly', 'year'],
] as const;

/** `holdfast forget`: removes snapshots that a policy does not keep, or that are named. */
export function registerForget(program: Command): void {
  const command = program
    .command('forget')
    .description('remove snapshots, by a policy such as grandfather-father-son (GFS) or by name')
    .argument('[snapshots...]', 'ids, beginnings of ids, or latest: these go, whatever the policy')
    .option('-l, --keep-last <n>', 'keep the newest n snapshots (a number, or unlimited)');
  for (const [letter, name, one] of periods)
    command.option(
      `${letter}, --keep-${name} <n>`,
      `keep the newest snapshot of each of the last n ${one}s that have one`,
    );
  command.option('--keep-within <time>', 'keep what is newer than this (1y5m7d2h) before the newest snapshot');
  for (const [, name, one] of periods)
    command.option(`--keep-within-${name} <time>`, `keep the newest of each ${one} within that time before the newest`);
  command
    .option('--keep-tag <tag[,tag…]>', 'keep snapshots with all of these tags; may be repeated', collect)
    .addOption(
      new Option('-g, --group-by <fields>', "apply the policy to each host, paths and/or tags apart; '' to none")
        .argParser(groupFields)
        .default(['host', 'paths'], 'host,paths'),
    )
    .option('--unsafe-allow-remove-all', 'without a policy: remove all that --host, --tag or --path leave');
  addSnapshotFilter(command, { hostLetter: false });
  command
    .option('-c, --compact', 'shorter lists')
    .option('-n, --dry-run', 'only say what would be removed')
    .option('--no-lock', 'with --dry-run: without a lock')
    .option('--prune', 'prune afterwards, if a snapshot was removed');
  addPruneAmounts(command);
  addRepositoryOptions(command, { orServer: true });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast forget --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --keep-yearly 3 --repo /mnt/disk/repo -p password.txt
  $ holdfast forget --keep-within 30d --keep-tag keep --prune -r repo -p password.txt
  $ holdfast forget --keep-last 3 --host web1 --dry-run --json -r repo -p password.txt
  $ holdfast forget 1a2b3c4d 5e6f7a8b -r repo -p password.txt

Grandfather, father and son: --keep-daily keeps the sons, --keep-weekly and --keep-monthly the fathers, --keep-yearly the
grandfathers; a snapshot stays when any of the rules keeps it. Days, weeks (ISO 8601) and so on are those of the place
where the snapshot was made. While a rule has not found enough, it keeps the oldest snapshot too. The rules are restic's,
and what one program would forget the other would as well.
Nothing is removed without a policy, and no policy removes the last snapshot of a group. Their data stays until a prune.
The repository is locked exclusively only while snapshots are deleted.
${environmentHelp}

JSON, as restic's: [{tags, host, paths, keep: [snapshot], remove: [snapshot], reasons: [{snapshot, matches: [text]}]}]
${exitStatusHelp}`,
    )
    .action((snapshots: string[], options: ForgetOptions) =>
      perform(options, async (work) => (await import('../stand-alone/forget.ts')).runForget(snapshots, options, work)),
    );
}
