import type { Command } from 'commander';
import { addFromRepository, type FromRepositoryOptions } from '../stand-alone/from-repository.ts';
import {
  addOutputOptions,
  addProgressOption,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, type SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { perform } from '../work.ts';

export interface CopyCommandOptions extends FromRepositoryOptions, SnapshotFilter {
  readonly lock: boolean;
}

/** `holdfast copy`: snapshots from one repository into another. */
export function registerCopy(program: Command): void {
  const command = program
    .command('copy')
    .description('copy snapshots from another repository into this one, without a server')
    .argument('[snapshots...]', 'ids in the source, beginnings of ids, or latest; else all that the filter leaves')
    .option('--no-lock', 'no lock in the source: for storage that may not be written; nobody may prune it meanwhile');
  addFromRepository(command, 'the repository to copy from');
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: false });
  addProgressOption(addOutputOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast copy --from-repo /mnt/disk/repo --from-password-file a.txt --repo /mnt/offsite/repo -p b.txt
  $ holdfast copy latest --host web1 --from-repo repo --from-password-file a.txt \\
      -r rest:https://mover.example:6162/local/laptops/ --cacert ca.pem -p b.txt

Blobs are carried as they are: decrypted, verified, and sealed with the key of this repository; what it has already is
not read. Snapshots that are copies already are skipped, also those that restic copied; a copy that was stopped goes on
where it was. The copy of a snapshot has the same tree, time, host, paths and tags; its field original is the first id.

Files are not cut again. Every repository cuts them by its own secret table (docs/threat-model.md), so later backups
into this one share little with copied files: they take up space twice until the copied snapshots are forgotten.

Of REST repositories, HOLDFAST_FROM_REST_USERNAME and HOLDFAST_FROM_REST_PASSWORD are for the source where it has its own;
--cacert may hold the CA certificates of both.
${environmentHelp.replace('Without --repo the command talks to the backup server. ', '')}

JSON: {kind: "copy", copied: [{sourceId, id}], skipped: [{sourceId, id}], blobs, bytes}
${exitStatusHelp}`,
    )
    .action((snapshots: string[], options: CopyCommandOptions) =>
      perform(options, async (work) => (await import('../stand-alone/copy.ts')).runCopy(snapshots, options, work)),
    );
}
