import type { Command } from 'commander';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { perform } from '../work.ts';

interface PortsInitOptions extends ServerOptions {
  readonly fromServer?: boolean;
}

/** `holdfast ports init`: a topology to begin with. */
export function registerPortsInit(ports: Command): void {
  addServerOptions(
    ports
      .command('init')
      .description('write a topology file, from questions or from the inventory of a running server')
      .argument('[file]', 'a new file', 'topology.yaml')
      .option('--from-server', 'take what the server knows; without it, questions are asked'),
  )
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast ports init\n  $ holdfast ports init fleet.yaml --from-server\n${serverHelp}`,
    )
    .action(async (file: string, options: PortsInitOptions) => {
      const { initFromQuestions, initFromServer } = await import('../ports/init.ts');
      if (!options.fromServer) return perform(options, ({ signal }) => initFromQuestions(file, signal));
      const { performWithServer } = await import('../managed/perform-with-server.ts');
      return performWithServer(options, ({ client, signal }) => initFromServer(file, client, signal));
    });
}
