import { Argument, type Command } from 'commander';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

export interface ListOptions extends RepositoryOptions {
  readonly lock: boolean;
}

export const listedKinds = ['blobs', 'packs', 'index', 'snapshots', 'keys', 'locks'] as const;
export type ListedKind = (typeof listedKinds)[number];

/** `holdfast list`: ids of what a repository holds. */
export function registerList(program: Command): void {
  const command = program
    .command('list')
    .description('list the ids of the files of a repository, or of its blobs, without a server')
    .addArgument(new Argument('<kind>', 'what is listed').choices(listedKinds))
    .option('--no-lock', 'without a lock: for storage that may not be written');
  addRepositoryOptions(command, { orServer: false });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast list snapshots --repo /mnt/disk/repo -p password.txt
  $ holdfast list blobs -r repo -p password.txt | sort | uniq -d        blobs that are stored twice

One id a line, also with --json, as restic prints them; blobs with their type before it, as the index files list them.
Locks are listed without taking one.
${environmentHelp.replace('Without --repo the command talks to the backup server. ', '')}
${exitStatusHelp}`,
    )
    .action((kind: ListedKind, options: ListOptions) =>
      perform(options, async (work) => (await import('../stand-alone/list.ts')).runList(kind, options, work)),
    );
}
