import type { Command } from 'commander';
import type { ImportOptions } from '../managed/import.ts';
import { performWithServer } from '../managed/perform-with-server.ts';
import { addServerOptions, serverHelp } from '../managed/server-options.ts';

/** `holdfast import`: the catalogue from the storage. */
export function registerImport(program: Command): void {
  addServerOptions(
    program
      .command('import')
      .description('enter the repositories in the storage of a mover, with what is in them, into the catalogue')
      .argument('<mover>', 'name or id of the mover in front of the storage'),
  )
    .option('--repository <name>', 'only this one')
    .option('--words-file <file>', 'file that holds the words of the recovery kit; else they are asked for')
    .option('--password-file <file>', 'file that holds the password of the repository, where there is no kit')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast import mover1
  $ holdfast import mover1 --repository laptops --password-file password

A repository that the server knows already, from a configuration backup, is at this mover from now on; for that no words are needed.
Computers whose backups are found, and that have not joined, are expected in group imported. docs/recovery.md has the rest.
${serverHelp}`,
    )
    .action((mover: string, options: ImportOptions) =>
      performWithServer(options, async (work) =>
        (await import('../managed/import.ts')).importStorage(mover, options, work),
      ),
    );
}
