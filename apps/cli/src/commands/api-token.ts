import { exitStatus } from '@holdfast/core';
import { type PersonRole, personRole } from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import { accessTable } from '../managed/access-table.ts';
import { performWithServer } from '../managed/perform-with-server.ts';
import { writeSecretFile } from '../managed/secret-file.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { wholeNumber } from '../option-values.ts';
import { print, printJson, printText, shownTime } from '../output.ts';

interface CreateOptions extends ServerOptions {
  readonly role?: PersonRole;
  readonly groups?: readonly string[];
  readonly days: number;
  readonly out?: string;
}

/** `holdfast api-token`: for programs that work in one's name. */
export function registerApiToken(program: Command): void {
  const tokens = program.command('api-token').description('API tokens: for programs that work in your name');

  addServerOptions(
    tokens.command('create').description('make one; its text is shown this once').argument('<name>', 'what it is for'),
  )
    .addOption(new Option('--role <role>', 'no more than this role may; else your own').choices(personRole.options))
    .option('--groups <names>', 'only these groups of computers: a,b', (text) => text.split(','))
    .option('--days <n>', 'it ends after so many days', wholeNumber(1, 366), 90)
    .option('--out <file>', 'write it to a new file of mode 0600, for --token-file')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast api-token create reports --role auditor --out reports.token\n  $ holdfast job list --token-file reports.token\n${serverHelp}`,
    )
    .action((name: string, options: CreateOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { role, groups, days } = options;
        const { token, ...made } = await client.call('createApiToken', {
          body: { name, lifetimeDays: days, ...(role ? { role } : {}), ...(groups ? { groups: [...groups] } : {}) },
          signal,
        });
        const file = options.out === undefined ? undefined : await writeSecretFile(options.out, `${token}\n`);
        const secret = file === undefined ? { token } : { tokenFile: file };
        if (options.json) await printJson({ kind: 'api-token', access: made, ...secret });
        else
          await printText(
            `${file === undefined ? token : `The token is in ${file}.`}\nIt ends when it was unused until ${shownTime(made.expiresAt)}, and after ${days} days.\n`,
          );
        return exitStatus.success;
      }),
    );

  addServerOptions(tokens.command('list').description('own API tokens'))
    .addHelpText('after', `\nExample:\n  $ holdfast api-token list\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const access = (await client.call('ownAccess', { signal })).access.filter(({ kind }) => kind === 'api-token');
        if (options.json) await printJson({ kind: 'api-tokens', access });
        else await printText(accessTable(access));
        return exitStatus.success;
      }),
    );

  addServerOptions(
    tokens.command('revoke').description('end one, at once').argument('<id>', 'as `holdfast api-token list` prints it'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast api-token revoke 6f1c2a34-…\n${serverHelp}`)
    .action((id: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        await client.call('revokeOwnAccess', { params: { id }, signal });
        if (options.json) await printJson({ kind: 'access-revoked', id });
        else await print('It has ended.\n');
        return exitStatus.success;
      }),
    );
}
