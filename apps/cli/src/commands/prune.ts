import { type Command, InvalidArgumentError, Option } from 'commander';
import { byteSize, duration } from '../option-values.ts';
import {
  addOutputOptions,
  addProgressOption,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

/** How much a prune does; `forget --prune` takes them too. */
export interface PruneAmounts {
  readonly maxUnused: (usedBytes: number) => number;
  readonly maxRepackSize?: number;
  readonly repackCacheableOnly?: boolean;
  readonly repackUncompressed?: boolean;
  readonly repackSmallerThan?: number;
  readonly wait?: number;
  readonly verbose?: boolean;
}

export interface PruneCommandOptions extends RepositoryOptions, PruneAmounts {
  readonly dryRun?: boolean;
  readonly lock: boolean;
}

/** What a client aims at: larger packs would be packed again by every prune. */
const packSizeBytes = 16 * 1024 * 1024;

export function addPruneAmounts(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--max-unused <limit>',
        'unused data that may stay: a share such as 5% of the repository, a size such as 2G, or unlimited',
      )
        .argParser(maxUnused)
        .default(maxUnused('5%'), '5%'),
    )
    .option(
      '--max-repack-size <size>',
      'pack at most so much again (500m, 20g); more is left for the next time',
      byteSize,
    )
    .option('--repack-cacheable-only', 'pack again only what clients cache: folders, no contents of files')
    .option('--repack-uncompressed', 'pack again what is not compressed yet, and compress it')
    .option('--repack-smaller-than <size>', 'pack packs together that are smaller than this, up to 16m', smallerThan)
    .addOption(new Option('--repack-small', 'small packs are packed together anyway').hideHelp())
    .option(
      '--wait <duration>',
      'how long deleting waits for backups that still run (default: 1h, or --retry-lock if that is longer; 0: not at all)',
      duration,
    )
    .option('-v, --verbose', 'with all numbers');
}

function maxUnused(value: string): (usedBytes: number) => number {
  const text = value.trim();
  if (text === 'unlimited') return () => Number.POSITIVE_INFINITY;
  if (text.endsWith('%')) {
    const percent = /^\d+(\.\d+)?%$/.test(text) ? Number.parseFloat(text) : Number.NaN;
    if (!(percent < 100)) throw new InvalidArgumentError('A share must be from 0% to below 100%.');
    return (usedBytes) => (percent / (100 - percent)) * usedBytes;
  }
  const bytes = byteSize(text);
  return () => bytes;
}

function smallerThan(value: string): number {
  const bytes = byteSize(value);
  if (bytes > 0 && bytes <= packSizeBytes) return bytes;
  throw new InvalidArgumentError('It must be above 0 and at most 16m, the size that packs are made with.');
}

/** `holdfast prune`: gives back the room of what no snapshot needs. */
export function registerPrune(program: Command): void {
  const command = program
    .command('prune')
    .description('remove data that no snapshot needs; backups may run meanwhile')
    .option('-n, --dry-run', 'only say what would be done')
    .option('--no-lock', 'with --dry-run: without a lock');
  addPruneAmounts(command);
  addRepositoryOptions(command, { orServer: true });
  addProgressOption(addOutputOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast prune --repo /mnt/disk/repo -p password.txt
  $ holdfast prune --max-unused 10% --max-repack-size 20g --retry-lock 4h -r repo -p password.txt
  $ holdfast prune --dry-run --verbose -r repo -p password.txt

It works in two steps. The first decides what may go and packs again what is needed of packs that may; backups go on
beside it, because nothing is deleted yet. The second waits until nobody else works on the repository (--wait), looks again
at all snapshots, spares what has come into use meanwhile, and deletes; backups that start then wait with --retry-lock.
Stopped at any moment, also by Ctrl-C while it waits, it leaves a sound repository. What was decided is forgotten then, but
what was packed again is not: the next prune finds the new packs, keeps those, and deletes the old ones.
Data under retention (immutability) stays, is counted, and goes when its date has passed.
${environmentHelp}

JSON: {kind: "prune", dryRun, statistics: {blobs, bytes, packs}, repacked: [ids], removed: [ids], newPacks,
deleted: {packs, bytes, indexes}, spared, retained, failed}; restic has none for prune
${exitStatusHelp}`,
    )
    .action((options: PruneCommandOptions) =>
      perform(options, async (work) => (await import('../stand-alone/prune.ts')).runPrune(options, work)),
    );
}
