import type { Command } from 'commander';
import { printDefinition, registerJobCommands } from '../managed/job-commands.ts';
import { jobKind } from '../managed/job-kinds.ts';
import { chooseOfKind } from '../managed/names.ts';
import { performWithServer } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';

/** `holdfast job`: backups that the server runs. */
export function registerJob(program: Command): void {
  const jobs = registerJobCommands(program, jobKind, { description: 'backup jobs that the server runs', examples });
  addServerOptions(jobs.command('show').description('all of a job'))
    .argument('<name>', 'name or id of the job')
    .addHelpText('after', `\nExample:\n  $ holdfast job show homes\n${serverHelp}`)
    .action((text: string, options: ServerOptions) =>
      performWithServer(options, async (work) =>
        printDefinition(jobKind, await chooseOfKind(jobKind, { ...work, text }), options, work),
      ),
    );
}

const examples = `Examples:
  $ holdfast job create homes /home --agent web1 --repository laptops
  $ holdfast job create servers / --group servers --mover store --schedule 'daily 21:00' --keep-days 30
  $ holdfast job create all / --agent web1 --repository laptops -x -e '*.tmp'`;
