import { exitStatus, HoldfastError, hasCode } from '@holdfast/core';
import type { User } from '@holdfast/protocol';
import { personRole } from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import { accessTable } from '../managed/access-table.ts';
import { askSecret, newFirstPassword } from '../managed/ask.ts';
import { findUser } from '../managed/find-user.ts';
import { performWithServer } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { print, printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';

interface CreateOptions extends ServerOptions {
  readonly role: User['role'];
  readonly groups?: readonly string[];
  readonly displayName?: string;
  readonly passwordFile?: string;
}

interface UpdateOptions extends ServerOptions {
  readonly role?: User['role'];
  readonly groups?: readonly string[];
  readonly allGroups?: boolean;
  readonly displayName?: string;
  readonly disable?: boolean;
  readonly enable?: boolean;
}

interface ResetOptions extends ServerOptions {
  readonly passwordFile?: string;
  readonly removeSecondFactors?: boolean;
}

const groupList = (text: string): string[] => text.split(',').map((name) => name.trim());
const roleOption = (text: string): Option => new Option('--role <role>', text).choices(personRole.options);

/** `holdfast users`: accounts of people. */
export function registerUsers(program: Command): void {
  const users = program.command('users').description('accounts of people: roles, groups, sessions');

  addServerOptions(users.command('list').description('accounts'))
    .addHelpText('after', `\nExample:\n  $ holdfast users list\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const found = (await client.call('users', { signal })).users;
        if (options.json) await printJson({ kind: 'users', users: found });
        else {
          const rows = found.map((user) => [
            user.name,
            user.displayName,
            user.role,
            user.groups?.join(' ') ?? 'all',
            stateOf(user),
            user.secondFactors.map(({ kind }) => kind).join(' '),
            user.lastSignInAt === undefined ? '' : shownTime(user.lastSignInAt),
          ]);
          await printText(
            table([['Name', 'Person', 'Role', 'Groups', 'State', 'Second factors', 'Last sign-in'], ...rows]),
          );
        }
        return exitStatus.success;
      }),
    );

  addServerOptions(
    users
      .command('create')
      .description('make an account; its first password is shown this once')
      .argument('<name>', 'a-z, 0-9 and ._@+-'),
  )
    .addOption(roleOption('what the person may do').makeOptionMandatory())
    .option('--groups <names>', 'only these groups of computers: a,b', groupList)
    .option('--display-name <name>', "the person's name")
    .option('--password-file <file>', 'file with the first password; else one is made and shown')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast users create alice --role administrator\n  $ holdfast users create bob --role backup-operator --groups laptops,servers\n\nThe first account is made with the token of the data directory, on the server itself.\n${serverHelp}`,
    )
    .action((name: string, options: CreateOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const password = await firstPassword(options.passwordFile, signal);
        const { role, groups, displayName } = options;
        const making = client.call('createUser', {
          body: {
            name,
            role,
            password,
            ...(groups ? { groups: [...groups] } : {}),
            ...(displayName ? { displayName } : {}),
          },
          signal,
        });
        const user = await withPasswordTold(making, { name, password, options });
        await showPassword({
          kind: 'user',
          user,
          options,
          password,
          text: `Account ${user.name} (${user.role}) is made.`,
        });
        return exitStatus.success;
      }),
    );

  addServerOptions(
    users.command('update').description('change what an account may do').argument('<name>', 'name or id'),
  )
    .addOption(roleOption('its role'))
    .option('--groups <names>', 'only these groups of computers: a,b', groupList)
    .option('--all-groups', 'all groups of computers')
    .option('--display-name <name>', "the person's name")
    .option('--disable', 'it can not sign in any more; its sessions and API tokens end')
    .option('--enable', 'it can sign in again')
    .addHelpText('after', `\nExample:\n  $ holdfast users update bob --role auditor --all-groups\n${serverHelp}`)
    .action((name: string, options: UpdateOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { role, displayName } = options;
        if ((options.groups && options.allGroups) || (options.disable && options.enable))
          throw new HoldfastError('usage.option', { message: 'Two of the options exclude each other.' });
        const groups = options.allGroups ? null : options.groups && [...options.groups];
        const disabled = options.disable ? true : options.enable ? false : undefined;
        const { id } = await findUser(client, name, signal);
        const user = await client.call('updateUser', {
          params: { id },
          body: { role, displayName, groups, disabled },
          signal,
        });
        if (options.json) await printJson({ kind: 'user', user });
        else
          await printText(
            `${user.name}: ${user.role} of ${user.groups?.join(', ') ?? 'all groups'}, ${stateOf(user)}.\n`,
          );
        return exitStatus.success;
      }),
    );

  addServerOptions(
    users
      .command('reset')
      .description('set a first password again; ends all sessions and API tokens')
      .argument('<name>', 'name or id'),
  )
    .option('--remove-second-factors', 'for a person who has lost them, and the recovery codes')
    .option('--password-file <file>', 'file with the first password; else one is made and shown')
    .addHelpText('after', `\nExample:\n  $ holdfast users reset bob --remove-second-factors\n${serverHelp}`)
    .action((name: string, options: ResetOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { id } = await findUser(client, name, signal);
        const password = await firstPassword(options.passwordFile, signal);
        const body = { password, removeSecondFactors: options.removeSecondFactors ?? false };
        const resetting = client.call('resetUser', { params: { id }, body, signal });
        const user = await withPasswordTold(resetting, { name, password, options });
        await showPassword({ kind: 'user', user, options, password, text: `The password of ${user.name} is set.` });
        return exitStatus.success;
      }),
    );

  addServerOptions(
    users.command('delete').description('delete an account; the audit keeps its name').argument('<name>', 'name or id'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast users delete bob\n${serverHelp}`)
    .action((name: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const user = await findUser(client, name, signal);
        await client.call('deleteUser', { params: { id: user.id }, signal });
        if (options.json) await printJson({ kind: 'user-deleted', user });
        else await printText(`Account ${user.name} is deleted.\n`);
        return exitStatus.success;
      }),
    );

  addServerOptions(
    users.command('sessions').description('sessions and API tokens of an account').argument('<name>', 'name or id'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast users sessions bob\n${serverHelp}`)
    .action((name: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { id } = await findUser(client, name, signal);
        const { access } = await client.call('userAccess', { params: { id }, signal });
        if (options.json) await printJson({ kind: 'access', access });
        else await printText(accessTable(access));
        return exitStatus.success;
      }),
    );

  addServerOptions(
    users
      .command('revoke')
      .description('end a session or API token of an account, at once')
      .argument('<name>', 'name or id')
      .argument('<access>', 'as `holdfast users sessions` prints it'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast users revoke bob 6f1c2a34-…\n${serverHelp}`)
    .action((name: string, accessId: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { id } = await findUser(client, name, signal);
        await client.call('revokeUserAccess', { params: { id, accessId }, signal });
        if (options.json) await printJson({ kind: 'access-revoked', id: accessId });
        else await print('It has ended.\n');
        return exitStatus.success;
      }),
    );
}

async function firstPassword(file: string | undefined, signal: AbortSignal): Promise<string> {
  return file === undefined
    ? newFirstPassword()
    : askSecret({ question: 'First password: ', file, option: '--password-file', signal });
}

/** A password that was made here is told to the person who made the account, and to nobody else. */
async function showPassword(o: {
  kind: string;
  user: User;
  options: ServerOptions & { readonly passwordFile?: string };
  password: string;
  text: string;
}): Promise<void> {
  const { user, options, password } = o;
  const isMade = options.passwordFile === undefined;
  if (options.json) await printJson({ kind: o.kind, user, ...(isMade ? { password } : {}) });
  else
    await printText(
      `${o.text}\n${isMade ? `First password: ${password}\n` : ''}It has to be changed at the first sign-in: holdfast login --user ${user.name}\n`,
    );
}

/** What waits for another administrator is done later, with the password that was made here: it would be known to nobody. */
async function withPasswordTold(
  call: Promise<User>,
  o: {
    readonly name: string;
    readonly password: string;
    readonly options: ServerOptions & { readonly passwordFile?: string };
  },
): Promise<User> {
  const { name, password, options } = o;
  try {
    return await call;
  } catch (error) {
    if (hasCode(error, 'approval.needed') && options.passwordFile === undefined) {
      if (options.json) await printJson({ kind: 'first-password', name, password });
      else await printText(`First password of ${name}, as soon as that is approved: ${password}\n`);
    }
    throw error;
  }
}

function stateOf({ disabled, passwordChangeDue }: User): string {
  if (disabled) return 'disabled';
  return passwordChangeDue ? 'first password' : 'active';
}
