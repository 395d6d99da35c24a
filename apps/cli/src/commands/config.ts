import { exitStatus, formatBytes, oneLine } from '@holdfast/core';
import type { ConfigurationBackup } from '@holdfast/protocol';
import type { Command } from 'commander';
import { defaultDataDirectory } from '../data-directory.ts';
import { performWithServer } from '../managed/perform-with-server.ts';
import type { RestoreConfigurationOptions } from '../managed/restore-configuration.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { wholeNumber } from '../option-values.ts';
import { printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import { perform } from '../work.ts';

/** `holdfast config`: backups of the server's own configuration. */
export function registerConfig(program: Command): void {
  const config = program
    .command('config')
    .description("backups of the server's own configuration: CA, keys, catalogue; sealed to the recovery kit");

  addServerOptions(config.command('backup').description('make one now; the server makes one every night'))
    .addHelpText('after', `\nExample:\n  $ holdfast config backup\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const made = await client.call('backUpConfiguration', { signal });
        if (options.json) await printJson({ kind: 'configuration-backup', ...made });
        else await printText(backupText(made));
        if (made.error) return exitStatus.failed;
        return made.places.some(({ location }) => location === undefined) ? exitStatus.incomplete : exitStatus.success;
      }),
    );

  addServerOptions(config.command('list').description('those that were made, newest first'))
    .option('--limit <n>', 'so many', wholeNumber(1, 1000), 100)
    .addHelpText('after', `\nExample:\n  $ holdfast config list\n${serverHelp}`)
    .action((options: ServerOptions & { readonly limit: number }) =>
      performWithServer(options, async ({ client, signal }) => {
        const { backups } = await client.call('configurationBackups', { query: { limit: options.limit }, signal });
        if (options.json) await printJson({ kind: 'configuration-backups', backups });
        else {
          const rows = backups.map((backup) => [
            shownTime(backup.startedAt),
            backup.kitId ?? '',
            backup.bytes === undefined ? '' : formatBytes(backup.bytes),
            String(backup.places.filter(({ location }) => location !== undefined).length),
            backup.error ? oneLine(backup.error.message) : (backup.name ?? 'under way'),
          ]);
          await printText(table([['Made', 'Kit', 'Size', 'Copies', 'File'], ...rows], { right: [2, 3] }));
        }
        return exitStatus.success;
      }),
    );

  config
    .command('restore')
    .description('make an empty data directory that of the lost server, with the words of the recovery kit')
    .argument(
      '<from>',
      'the storage of a mover, a folder of configuration backups, or one of them; the newest is taken',
    )
    .option('--data <directory>', `data directory of the server (default: ${defaultDataDirectory()}/server)`)
    .option('--config <file>', 'what is another than it was, above all `database`: as for `holdfast server`')
    .option('--words-file <file>', 'file that holds the words; else they are asked for')
    .option('--json', 'print the answer as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast config restore /srv/holdfast
  $ holdfast config restore /srv/holdfast --data /var/lib/holdfast/server --config server.yaml

Stop the old server for good before you start this one: two would be the same to everybody. docs/recovery.md has the rest.`,
    )
    .action((from: string, options: RestoreConfigurationOptions) =>
      perform(options, async (work) =>
        (await import('../managed/restore-configuration.ts')).restore(from, options, work),
      ),
    );
}

function backupText({ name, bytes = 0, places, error }: ConfigurationBackup): string {
  if (error) return `The configuration backup failed: ${error.message}\n`;
  const lines = places.map((place) =>
    place.kind === 'folder' || place.location !== undefined
      ? `  ${place.location}\n`
      : `  not at mover ${place.moverId}: ${oneLine(place.error?.message ?? '')}\n`,
  );
  return `${name}, ${formatBytes(bytes)}\n${lines.join('')}`;
}
