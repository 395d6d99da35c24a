import type { Command } from 'commander';
import { defaultDataDirectory } from '../data-directory.ts';
import type { UpOptions } from '../up/up.ts';

/** `holdfast up`: server, mover and agent on this computer. */
export function registerUp(program: Command): void {
  program
    .command('up')
    .description('run server, data mover and agent on this computer, enrolled with each other, until Ctrl-C')
    .argument('[folder]', 'with --demonstrate: the folder to protect', '.')
    .option('--data <directory>', `where everything is kept (default: ${defaultDataDirectory()})`)
    .option('--bind <address>', 'address to listen on', '127.0.0.1')
    .option('--config <file>', 'JSON or YAML file; `ports` maps channel ids to other ports or ranges')
    .option('--demonstrate', 'back the folder up, restore it to a scratch folder, and compare every byte and attribute')
    .option('--once', 'with --demonstrate: end after the comparison, with status 0 if nothing differs, else 1')
    .option('--json', 'with --demonstrate: print the result as one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast up                                      server, mover and agent, until Ctrl-C
  $ holdfast up --demonstrate --once /usr/share      protect /usr/share once and prove the restore
  $ npm start -- --once /usr/share                   the same in a checkout`,
    )
    .action(async (folder: string, options: UpOptions) => {
      const { up } = await import('../up/up.ts');
      process.exitCode = await up(folder, options);
    });
}
