import type { Command } from 'commander';
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
  readonly readData?: boolean;
  readonly lock: boolean;
}

/** `holdfast check`: is everything that the snapshots need there, and what it should be? */
export function registerCheck(program: Command): void {
  const command = program
    .command('check')
    .description('check a repository: structure, and with --read-data every byte')
    .option('--read-data', 'read every pack and verify every blob')
    .option('--no-lock', 'without a lock: for storage that may not be written; nobody may prune meanwhile');
  addRepositoryOptions(command, { orServer: true });
  addProgressOption(addOutputOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast check --repo /mnt/disk/repo -p password.txt
  $ holdfast check -r /mnt/disk/repo -p password.txt --read-data --json
${environmentHelp.replace('talks to the backup server', 'would need the server, which cannot check yet')}

JSON: {kind: "check", sound, errors, warnings, problems: [{severity, object, message}], snapshots, indexFiles, packs, blobs,
trees, unusedBlobs, bytesRead}
${exitStatusHelp}`,
    )
    .action((options: CheckCommandOptions) =>
      perform(options, async (work) => (await import('../stand-alone/check.ts')).runCheck(options, work)),
    );
}
