import { exitStatus } from '@holdfast/core';
import { type OauthClient, type PersonRole, personRole } from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import { performWithServer } from '../managed/perform-with-server.ts';
import { writeSecretFile } from '../managed/secret-file.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { collect } from '../option-values.ts';
import { print, printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';

interface CreateOptions extends ServerOptions {
  readonly redirectUri: readonly string[];
  readonly confidential?: true;
  readonly role?: PersonRole;
  readonly groups?: readonly string[];
  readonly out?: string;
}

/** `holdfast oauth-client`: programs that people sign in to with their account here. */
export function registerOauthClient(program: Command): void {
  const clients = program
    .command('oauth-client')
    .description('programs that people sign in to with their account here (OAuth 2.1, OpenID Connect)');

  addServerOptions(
    clients
      .command('create')
      .description('register one; its secret, if it has one, is shown this once')
      .argument('<name>', 'what people are shown when they sign in'),
  )
    .addOption(
      new Option('--redirect-uri <uri>', 'where it takes the code; may be repeated')
        .argParser(collect)
        .makeOptionMandatory(),
    )
    .option('--confidential', 'it runs on a server and keeps a secret')
    .addOption(new Option('--role <role>', 'it may do no more than this role may').choices(personRole.options))
    .option('--groups <names>', 'only in these groups of computers: a,b', (text) => text.split(','))
    .option('--out <file>', 'write the secret to a new file of mode 0600')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast oauth-client create Grafana --redirect-uri https://grafana.example/login/generic_oauth --confidential --role auditor\n  $ holdfast oauth-client create "Tray icon" --redirect-uri http://127.0.0.1/callback\n\nWhat somebody signs in to is listed and ended with \`holdfast account sessions\`. See docs/identity.md.\n${serverHelp}`,
    )
    .action((name: string, options: CreateOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { role, groups, redirectUri, confidential = false } = options;
        const { secret, ...made } = await client.call('createOauthClient', {
          body: {
            ...{ name, redirectUris: [...redirectUri], confidential },
            ...(role ? { role } : {}),
            ...(groups ? { groups: [...groups] } : {}),
          },
          signal,
        });
        const file =
          options.out === undefined || secret === undefined
            ? undefined
            : await writeSecretFile(options.out, `${secret}\n`);
        const told = file === undefined ? { secret } : { secretFile: file };
        if (options.json) await printJson({ kind: 'oauth-client', client: made, ...told });
        else
          await printText(
            `Client id: ${made.id}\n${secret === undefined ? '' : file === undefined ? `Secret: ${secret}\n` : `The secret is in ${file}.\n`}`,
          );
        return exitStatus.success;
      }),
    );

  addServerOptions(clients.command('list').description('registered clients'))
    .addHelpText('after', `\nExample:\n  $ holdfast oauth-client list\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const found = await client.list('oauthClients', { signal });
        if (options.json) await printJson({ kind: 'oauth-clients', clients: found });
        else await printText(clientTable(found));
        return exitStatus.success;
      }),
    );

  addServerOptions(
    clients
      .command('delete')
      .description('remove one; what people signed in to with it ends at once')
      .argument('<id>', 'as `holdfast oauth-client list` prints it'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast oauth-client delete 6f1c2a34-…\n${serverHelp}`)
    .action((id: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        await client.call('deleteOauthClient', { params: { id }, signal });
        if (options.json) await printJson({ kind: 'oauth-client-deleted', id });
        else await print('It is removed.\n');
        return exitStatus.success;
      }),
    );
}

function clientTable(clients: readonly OauthClient[]): string {
  const rows = clients.map(({ id, name, redirectUris, confidential, role, groups, createdAt }) => [
    ...[id, name, redirectUris.join(' '), confidential ? 'yes' : 'no'],
    ...[role ?? '', groups?.join(' ') ?? 'all', shownTime(createdAt)],
  ]);
  return table([['Id', 'Name', 'Redirect URIs', 'Secret', 'Role', 'Groups', 'Made'], ...rows]);
}
