import { Argument, type Command } from 'commander';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

export interface CatOptions extends RepositoryOptions {
  readonly lock: boolean;
}

export const catKinds = ['config', 'snapshot', 'index', 'key', 'masterkey', 'lock', 'pack', 'blob', 'tree'] as const;
export type CatKind = (typeof catKinds)[number];

/** `holdfast cat`: one file of a repository, opened. */
export function registerCat(program: Command): void {
  const command = program
    .command('cat')
    .description('print one file of a repository, opened, or a blob; without a server')
    .addArgument(new Argument('<kind>', 'what is printed').choices(catKinds))
    .argument('[id]', 'its id, or the beginning of it; for tree a snapshot, with :folder if wanted')
    .option('--no-lock', 'without a lock: for storage that may not be written');
  addRepositoryOptions(command, { orServer: false });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast cat config --repo /mnt/disk/repo -p password.txt           status 10 tells that there is no repository
  $ holdfast cat snapshot latest -r repo -p password.txt
  $ holdfast cat tree latest:/home/ann -r repo -p password.txt

Files are JSON; pack and blob are printed as they are, a pack sealed as it is stored. A blob needs its whole id.
masterkey prints the key that opens everything, whatever becomes of the passwords: whoever reads it can read all backups.
${environmentHelp.replace('Without --repo the command talks to the backup server. ', '')}
${exitStatusHelp}`,
    )
    .action((kind: CatKind, id: string | undefined, options: CatOptions) =>
      perform(options, async (work) => (await import('../stand-alone/cat.ts')).runCat({ kind, id }, options, work)),
    );
}
