import { type Command, Option } from 'commander';
import {
  addOutputOptions,
  addProgressOption,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

export interface CheckCommandOptions extends RepositoryOptions {
  /** True without a value. */
  readonly readData?: true | 'packs' | 'blobs';
  readonly readDataSubset?: string;
  readonly withCache?: boolean;
  readonly lock: boolean;
}

/** `holdfast check`: is everything that the snapshots need there, and what it should be? */
export function registerCheck(program: Command): void {
  const command = program
    .command('check')
    .description('check a repository: structure, and with --read-data every byte')
    .addOption(
      new Option(
        '--read-data [how]',
        'read every pack and verify every blob: "packs", the default, or "blobs", see below',
      ).choices(['packs', 'blobs']),
    )
    .option(
      '--read-data-subset <subset>',
      'only so much of the data: n/t (part n of t), a percentage (2.5%), or a size (500M)',
    )
    .option('--with-cache', 'accepted as restic’s; Holdfast keeps no cache, so nothing changes')
    .option('--no-lock', 'without a lock: for storage that may not be written; nobody may prune meanwhile');
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

The lock is a shared one: backups go on beside a check, pruning waits.

Examples:
  $ holdfast check --repo /mnt/disk/repo -p password.txt
  $ holdfast check -r /mnt/disk/repo -p password.txt --read-data --json
  $ holdfast check -r /mnt/disk/repo -p password.txt --read-data-subset=1/7     a seventh each day of the week
${environmentHelp.replace('talks to the backup server', 'would need the server, which cannot check yet')}

JSON: restic's {message_type: "summary", num_errors, broken_packs, suggest_repair_index, suggest_prune}, and in the same object
{kind: "check", sound, errors, warnings, problems: [{severity, object, message}], snapshots, indexFiles, packs, blobs, trees,
unusedBlobs, bytesRead}; on standard error a line {message_type: "error", message} for each error.
${exitStatusHelp}`,
    )
    .action((options: CheckCommandOptions) =>
      perform(options, async (work) => (await import('../stand-alone/check.ts')).runCheck(options, work)),
    );
}
