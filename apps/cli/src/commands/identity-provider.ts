import { readFile } from 'node:fs/promises';
import { errnoOf, exitStatus, HoldfastError } from '@holdfast/core';
import { type IdentityProvider, type PersonRole, personRole } from '@holdfast/protocol';
import type { Command } from 'commander';
import { resolvePath } from '../data-directory.ts';
import { findUser } from '../managed/find-user.ts';
import { performWithServer } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { collect } from '../option-values.ts';
import { print, printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';

interface CreateOptions extends ServerOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecretFile?: string;
  readonly caFile?: string;
  readonly allowLocalAddresses?: true;
  readonly accountsByClaim?: string;
  readonly nameClaim?: string;
  readonly role?: readonly string[];
}

interface LinkOptions extends ServerOptions {
  readonly user: string;
  readonly subject: string;
}

/** `holdfast identity-provider`: people sign in with a provider of OpenID Connect elsewhere. */
export function registerIdentityProvider(program: Command): void {
  const providers = program
    .command('identity-provider')
    .description('sign-in with a provider of OpenID Connect elsewhere: Keycloak, Entra ID, Google …');

  addServerOptions(
    providers
      .command('create')
      .description('let people sign in with one; it is asked who it is first')
      .argument('<name>', 'what the button says'),
  )
    .requiredOption('--issuer <url>', 'as its discovery document has it')
    .requiredOption('--client-id <id>', 'what it knows this server as')
    .option('--client-secret-file <file>', 'file that holds the secret that it gave')
    .option('--ca-file <file>', 'its CA in PEM form, where that is none of the system')
    .option('--allow-local-addresses', 'it may be on the computer of the server')
    .option('--accounts-by-claim <claim>', 'make accounts on the first sign-in, with the role that this claim gives')
    .option('--name-claim <claim>', 'claim that names such accounts (default: preferred_username)')
    .option(
      '--role <value=role>',
      'what a value of the claim gives; may be repeated, the first that fits counts',
      collect,
    )
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast identity-provider create Company --issuer https://login.example/realms/company --client-id holdfast --client-secret-file company.secret\n  $ holdfast identity-provider create Company --issuer https://login.example/realms/company --client-id holdfast --accounts-by-claim groups --role backup-admins=backup-operator --role staff=auditor\n\nRegister the redirect URI that it prints there. Without --accounts-by-claim only who is linked signs in. See docs/identity.md.\n${serverHelp}`,
    )
    .action((name: string, options: CreateOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { issuer, clientId, allowLocalAddresses = false } = options;
        const newAccounts = newAccountsOf(options);
        const made = await client.call('createIdentityProvider', {
          body: {
            ...{ name, issuer, clientId, allowLocalAddresses },
            ...(options.clientSecretFile === undefined
              ? {}
              : { clientSecret: (await contentOf(options.clientSecretFile)).trim() }),
            ...(options.caFile === undefined ? {} : { caPem: await contentOf(options.caFile) }),
            ...(newAccounts ? { newAccounts } : {}),
          },
          signal,
        });
        if (options.json) await printJson({ kind: 'identity-provider', provider: made });
        else await printText(`Id: ${made.id}\nRedirect URI, to be registered there: ${made.redirectUri}\n`);
        return exitStatus.success;
      }),
    );

  addServerOptions(providers.command('list').description('providers that people may sign in with'))
    .addHelpText('after', `\nExample:\n  $ holdfast identity-provider list\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const found = (await client.call('identityProviders', { signal })).providers;
        if (options.json) await printJson({ kind: 'identity-providers', providers: found });
        else await printText(providerTable(found));
        return exitStatus.success;
      }),
    );

  addServerOptions(
    providers
      .command('delete')
      .description('nobody signs in with it any more; accounts, and sessions that were begun, stay')
      .argument('<id>', 'as `holdfast identity-provider list` prints it'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast identity-provider delete 6f1c2a34-…\n${serverHelp}`)
    .action((id: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        await client.call('deleteIdentityProvider', { params: { id }, signal });
        if (options.json) await printJson({ kind: 'identity-provider-deleted', id });
        else await print('It is removed.\n');
        return exitStatus.success;
      }),
    );

  addServerOptions(
    providers
      .command('link')
      .description('say whose account somebody of the provider signs in to')
      .argument('<id>', 'of the provider'),
  )
    .requiredOption('--user <name>', 'name or id of the account here')
    .requiredOption('--subject <subject>', 'the `sub` of the person there')
    .addHelpText(
      'after',
      `\nExample:\n  $ holdfast identity-provider link 6f1c2a34-… --user alice --subject 8d1f7c52-…\n\nWho tries to sign in without being linked is shown the own subject.\n${serverHelp}`,
    )
    .action((id: string, options: LinkOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { id: userId } = await findUser(client, options.user, signal);
        const body = { userId, subject: options.subject };
        const identity = await client.call('linkIdentity', { params: { id }, body, signal });
        if (options.json) await printJson({ kind: 'outside-identity', identity });
        else await print(`${identity.subject} signs in as ${identity.userName}.\n`);
        return exitStatus.success;
      }),
    );

  addServerOptions(
    providers
      .command('identities')
      .description('whose accounts people of the provider sign in to')
      .argument('<id>', 'of the provider'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast identity-provider identities 6f1c2a34-…\n${serverHelp}`)
    .action((id: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const identities = await client.list('outsideIdentities', { params: { id }, signal });
        if (options.json) await printJson({ kind: 'outside-identities', identities });
        else {
          const rows = identities.map((one) => [one.userName, one.subject, shownTime(one.createdAt), one.id]);
          await printText(table([['Account', 'Subject', 'Since', 'Id'], ...rows]));
        }
        return exitStatus.success;
      }),
    );

  addServerOptions(
    providers
      .command('unlink')
      .description('that one signs in with the provider no more')
      .argument('<id>', 'of the provider')
      .argument('<identity>', 'as `holdfast identity-provider identities` prints it'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast identity-provider unlink 6f1c2a34-… 0c9e11d7-…\n${serverHelp}`)
    .action((id: string, identityId: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        await client.call('unlinkIdentity', { params: { id, identityId }, signal });
        if (options.json) await printJson({ kind: 'outside-identity-removed', id: identityId });
        else await print('It is removed. Sessions that were begun stay until they are ended.\n');
        return exitStatus.success;
      }),
    );
}

function newAccountsOf({ accountsByClaim: claim, nameClaim, role = [] }: CreateOptions) {
  if (claim === undefined && role.length === 0 && nameClaim === undefined) return undefined;
  if (claim === undefined || role.length === 0)
    throw new HoldfastError('usage.option', {
      message: 'To make accounts, --accounts-by-claim and at least one --role are needed.',
    });
  const roles = role.map((text) => {
    const at = text.lastIndexOf('=');
    const given = personRole.safeParse(text.slice(at + 1)).data;
    if (at > 0 && given !== undefined) return { value: text.slice(0, at), role: given satisfies PersonRole };
    throw new HoldfastError('usage.option', {
      message: `--role ${text} is not a value of the claim, =, and one of ${personRole.options.join(', ')}.`,
    });
  });
  return { claim, roles, ...(nameClaim === undefined ? {} : { nameClaim }) };
}

async function contentOf(path: string): Promise<string> {
  const full = resolvePath(path);
  try {
    return await readFile(full, 'utf8');
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `${full} could not be read (${errnoOf(error) ?? String(error)}).`,
      cause: error,
    });
  }
}

function providerTable(providers: readonly IdentityProvider[]): string {
  const rows = providers.map(({ id, name, issuer, newAccounts, redirectUri }) => [
    ...[id, name, issuer, newAccounts ? `by ${newAccounts.claim}` : 'linked ones only', redirectUri],
  ]);
  return table([['Id', 'Name', 'Issuer', 'Accounts', 'Redirect URI'], ...rows]);
}
