import type { Command } from 'commander';
import {
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

export interface DiffCommandOptions extends RepositoryOptions {
  readonly metadata?: boolean;
  readonly lock: boolean;
}

/** `holdfast diff`: what changed from one snapshot to another. */
export function registerDiff(program: Command): void {
  const command = program
    .command('diff')
    .description('show what changed from one snapshot to another')
    .argument('<snapshot[:folder]>', 'the older one: id, beginning of an id, or latest')
    .argument('<snapshot[:folder]>', 'the newer one')
    .option('--metadata', 'changes of mode, owner, times and the like as well')
    .option('--no-lock', 'without a lock: for storage that may not be written')
    .option('--json', 'one JSON object a line')
    .option('-q, --quiet', 'the numbers only, no list');
  addRepositoryOptions(command, { orServer: true })
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast diff 1a2b3c4d latest --repo /mnt/disk/repo -p password.txt
  $ holdfast diff 1a2b3c4d:/home/ann 5e6f7a8b:/home/ann --metadata -r repo -p password.txt

Each line begins with what happened:
  +  added        M  other content           U  other metadata (with --metadata)
  -  removed      T  another type            ?  other content although nothing else changed: a failing disk does that
${environmentHelp}

JSON, one line each, as restic's: {message_type: "change", path, modifier}, then {message_type: "statistics",
source_snapshot, target_snapshot, changed_files, added, removed}, both of them {files, dirs, others, data_blobs,
tree_blobs, bytes}.
${exitStatusHelp}`,
    )
    .action((before: string, after: string, options: DiffCommandOptions) =>
      perform(options, async (work) =>
        (await import('../stand-alone/diff.ts')).runDiff({ before, after }, options, work),
      ),
    );
}
