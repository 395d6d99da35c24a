import type { Command } from 'commander';
import {
  addOutputOptions,
  addProgressOption,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, type SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { perform } from '../work.ts';

export interface CheckCommandOptions extends RepositoryOptions, SnapshotFilter {
  /** True without a value. */
  readonly readData?: true | 'packs' | 'blobs';
  readonly readDataSubset?: string;
  readonly withCache?: boolean;
  readonly lock: boolean;
}

type GivenOptions = Omit<CheckCommandOptions, 'readData'> & { readonly readData?: true | string };

/** `holdfast check`: is everything that the snapshots need there, and what it should be? */
export function registerCheck(program: Command): void {
  const command = program
    .command('check')
    .description('check a repository: structure, and with --read-data every byte')
    .argument('[snapshots...]', 'only these: ids, beginnings of ids, or latest; else all that the filter leaves')
    .option('--read-data [how]', 'read every pack and verify every blob: "packs", the default, or "blobs", see below')
    .option(
      '--read-data-subset <subset>',
      'only so much of the data: n/t (part n of t), a percentage (2.5%), or a size (500M)',
    )
    .option('--with-cache', 'accepted as restic’s; Holdfast keeps no cache, so nothing changes')
    .option('--no-lock', 'without a lock: for storage that may not be written; nobody may prune meanwhile');
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: true });
  addProgressOption(addOutputOptions(command))
    .addHelpText(
      'after',
      `
Without --read-data the packs are compared with the index by name and size, every index file, snapshot, key and tree is
read and verified, and every snapshot followed down to the last blob that it needs.

With --read-data each pack is hashed and compared with its name, and each blob in it authenticated, decrypted, decompressed,
hashed and compared with its id: every stored byte is hashed twice. --read-data=blobs leaves the hash of the packs out: every
byte of a pack belongs to a blob, which has a MAC and a hash, or to the header, which has a MAC, so that damage is found
just as surely, with half of the hashing. Parts of --read-data-subset=n/t are the same in each run, so t runs read
everything; percentages and sizes are drawn at random each time.

With snapshots or a filter the index is compared with all packs, and keys and snapshots are read, but only those snapshots are
followed, and only packs read that hold something of them.

The lock is a shared one: backups go on beside a check, pruning waits.

Examples:
  $ holdfast check --repo /mnt/disk/repo -p password.txt
  $ holdfast check -r /mnt/disk/repo -p password.txt --read-data --json
  $ holdfast check latest --host web1 --read-data -r /mnt/disk/repo -p password.txt
  $ holdfast check -r /mnt/disk/repo -p password.txt --read-data-subset=1/7     a seventh each day of the week
${environmentHelp}

JSON: restic's {message_type: "summary", num_errors, broken_packs, suggest_repair_index, suggest_prune}, and in the same object
{kind: "check", sound, errors, warnings, problems: [{severity, object, message}], snapshots, indexFiles, packs, blobs, trees,
unusedBlobs? (not of chosen snapshots), bytesRead}; on standard error a line {message_type: "error", message} for each error.
${exitStatusHelp}`,
    )
    .action((snapshots: string[], { readData, ...options }: GivenOptions) => {
      // As restic has it, what follows --read-data may be a snapshot.
      const isHow = readData === undefined || readData === true || readData === 'packs' || readData === 'blobs';
      const given: CheckCommandOptions = { ...options, ...(isHow ? readData && { readData } : { readData: true }) };
      const references = isHow ? snapshots : [readData, ...snapshots];
      return perform(given, async (work) =>
        (await import('../stand-alone/check.ts')).runCheck(references, given, work),
      );
    });
}
