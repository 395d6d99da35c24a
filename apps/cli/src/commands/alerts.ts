import { exitStatus } from '@holdfast/core';
import { findingText, type RansomwareAlert } from '@holdfast/protocol';
import { Argument, type Command } from 'commander';
import { chooseRepository } from '../managed/names.ts';
import { performWithServer } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';

/** `holdfast alerts`: backups in which files are gone or renamed as ransomware does it. */
export function registerAlerts(program: Command): void {
  const alerts = program
    .command('alerts')
    .description('ransomware alerts: backups in which files are gone or renamed as ransomware does it');

  addServerOptions(
    alerts.command('list', { isDefault: true }).description('alerts that nobody has settled, newest first'),
  )
    .option('--all', 'also those that were settled')
    .addHelpText(
      'after',
      `
A backup in which many files can be gone is compared with an earlier one of the same computer, by the executor of its
repository. The earlier backup has the files as they were: \`holdfast restore\` takes them from there.

Examples:
  $ holdfast alerts
  $ holdfast alerts list --all
${serverHelp}`,
    )
    .action((options: ServerOptions & { readonly all?: boolean }) =>
      performWithServer(options, async ({ client, signal }) => {
        const query = options.all ? {} : { state: 'open' as const };
        const found = await client.list('ransomwareAlerts', { query, signal });
        if (options.json) await printJson({ kind: 'ransomware-alerts', alerts: found });
        else
          await printText(
            table([['Raised', 'Computer', 'Found', 'Earlier backup', 'State', 'Id'], ...found.map(rowOf)]),
          );
        return exitStatus.success;
      }),
    );

  addServerOptions(
    alerts
      .command('analysis')
      .description('show or set whether backups in a repository are compared with earlier ones')
      .argument('<repository>', 'name or id of the repository'),
  )
    .addArgument(new Argument('[state]', 'left out: show it').choices(['on', 'off']))
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast alerts analysis laptops\n  $ holdfast alerts analysis scratch off\n${serverHelp}`,
    )
    .action((name: string, state: 'on' | 'off' | undefined, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { id } = await chooseRepository(client, { text: name, signal });
        const of = { params: { id }, signal };
        let settings = await client.call('repositoryMaintenance', of);
        if (state !== undefined) {
          const body = { ...settings, ransomwareAnalysis: state === 'on' };
          settings = await client.call('setRepositoryMaintenance', { ...of, body });
        }
        const { ransomwareAnalysis } = settings;
        if (options.json) await printJson({ kind: 'ransomware-analysis', ransomwareAnalysis });
        else await printText(`Analysis of backups in ${name}: ${ransomwareAnalysis ? 'on' : 'off'}.\n`);
        return exitStatus.success;
      }),
    );

  const answers = [
    { command: 'acknowledge', state: 'acknowledged', text: 'it was seen to; the alert goes after 14 days' },
    {
      command: 'false-alarm',
      state: 'false-alarm',
      text: 'it was ordinary work: deletions of these extensions alarm later on this computer',
    },
  ] as const;
  for (const { command, state, text } of answers)
    addServerOptions(alerts.command(command).description(text).argument('<id>', 'as `holdfast alerts` prints it'))
      .addHelpText('after', `\nExample:\n  $ holdfast alerts ${command} 6f1c2a34-…\n${serverHelp}`)
      .action((id: string, options: ServerOptions) =>
        performWithServer(options, async ({ client, signal }) => {
          const alert = await client.call('settleRansomwareAlert', { params: { id }, body: { state }, signal });
          if (options.json) await printJson({ kind: 'ransomware-alert', alert });
          else await printText(`Alert of ${alert.hostname}: ${alert.state}.\n`);
          return exitStatus.success;
        }),
      );
}

function rowOf(alert: RansomwareAlert): string[] {
  return [
    shownTime(alert.raisedAt),
    alert.hostname,
    alert.findings.map(findingText).join('; '),
    alert.comparedWith.slice(0, 8),
    alert.state,
    alert.id,
  ];
}
