import type { Overwrite } from '@holdfast/engine';
import { type Command, Option } from 'commander';
import { collect } from '../option-values.ts';
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

export interface RestoreCommandOptions extends RepositoryOptions, SnapshotFilter {
  readonly target: string;
  readonly include?: string[];
  readonly exclude?: string[];
  readonly overwrite: Overwrite;
  readonly agent?: string;
  readonly detach?: boolean;
}

/** `holdfast restore`: from a repository to this computer, or by the server to an agent's computer. */
export function registerRestore(program: Command): void {
  const command = program
    .command('restore')
    .description("restore a snapshot: with --repo to this computer, else by the server to an agent's")
    .argument('<snapshot[:path]>', 'id, beginning of an id, or latest; with :path only that file or folder')
    .requiredOption('-t, --target <folder>', "folder that becomes the snapshot's root; made if it is missing")
    .option('-i, --include <pattern>', 'only what matches, by its path in the snapshot; may be repeated', collect)
    .option('-e, --exclude <pattern>', 'leave out what matches; may be repeated', collect)
    .addOption(
      new Option(
        '--overwrite <what>',
        'refuse: the target must be empty; replace: what has the same name is replaced; keep: it stays',
      )
        .choices(['refuse', 'replace', 'keep'])
        .default('refuse'),
    )
    .option(
      '--agent <name>',
      'without --repo: the agent to restore to, by host name or id; else the one of the snapshot',
    )
    .option('--detach', 'without --repo: print the id of the run and do not wait for its end');
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: true });
  addProgressOption(addOutputOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast restore latest --target /mnt/restored --repo /mnt/disk/repo -p password.txt
  $ holdfast restore 1a2b3c4d:/home/ann/letters --target . --overwrite keep -r repo -p password.txt
  $ holdfast restore latest --host web1 -i '*.conf' -e '*.bak' -t /tmp/conf -r repo -p password.txt
  $ holdfast restore 1a2b3c4d --agent web1 --target /var/restored            by the server

A path is restored at its own place below the target: 1a2b3c4d:/home/ann gives TARGET/home/ann. As root, owners and
devices are restored as well.
${environmentHelp}

JSON: {kind: "restore", snapshotId, target, files, directories, others, bytes, kept, failed, ownersRestored, durationMs,
complete, problemCount, problems: […]}; by the server {kind: "run", run: {…}} as in its API.
${exitStatusHelp}`,
    )
    .action((reference: string, options: RestoreCommandOptions) =>
      perform(options, async (work) =>
        (await import('../stand-alone/restore.ts')).runRestore(reference, options, work),
      ),
    );
}
