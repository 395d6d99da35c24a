import type { Command } from 'commander';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

export interface UnlockOptions extends RepositoryOptions {
  readonly removeAll?: boolean;
}

/** `holdfast unlock`: locks that nobody holds any more. */
export function registerUnlock(program: Command): void {
  const command = program
    .command('unlock')
    .description('remove locks whose holders are gone')
    .option('--remove-all', 'remove every lock: only when you know that nobody works on the repository');
  addRepositoryOptions(command, { orServer: false });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast unlock --repo /mnt/disk/repo -p password.txt
  $ holdfast unlock --remove-all -r repo -p password.txt

A lock is abandoned when it was not refreshed for 30 minutes, or when its process on this computer is gone. Every command
ignores and removes such locks by itself, so this is rarely needed. Who loses a living lock stops its work.
${environmentHelp.replace('Without --repo the command talks to the backup server. ', '')}

JSON: {kind: "unlock", removed}
${exitStatusHelp}`,
    )
    .action((options: UnlockOptions) =>
      perform(options, async (work) => (await import('../stand-alone/unlock.ts')).runUnlock(options, work)),
    );
}
