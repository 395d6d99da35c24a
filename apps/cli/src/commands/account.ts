import { exitStatus } from '@holdfast/core';
import type { Command } from 'commander';
import { accessTable } from '../managed/access-table.ts';
import { askNewPassword, askProof, askSecret } from '../managed/ask.ts';
import { performWithServer } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { print, printJson, printText, shownTime } from '../output.ts';
import { promptPassword } from '../stand-alone/password-prompt.ts';
import { table } from '../terminal.ts';

interface PasswordOptions extends ServerOptions {
  readonly passwordFile?: string;
  readonly newPasswordFile?: string;
}

/** `holdfast account`: one's own password, second factors and sessions. */
export function registerAccount(program: Command): void {
  const account = program.command('account').description('the own account: password, second factors, sessions');

  addServerOptions(account.command('show').description('who has signed in, and with what'))
    .addHelpText('after', `\nExample:\n  $ holdfast account show\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { user, due, recoveryCodesLeft } = await client.call('account', { signal });
        if (options.json) {
          await printJson({ kind: 'account', user, due, recoveryCodesLeft });
          return exitStatus.success;
        }
        await printText(
          `${user.name} (${user.displayName}), ${user.role} of ${user.groups?.join(', ') ?? 'all groups'}\n` +
            `${due === undefined ? '' : `To be done first: ${due}\n`}Recovery codes left: ${recoveryCodesLeft}\n`,
        );
        const rows = user.secondFactors.map(({ id, kind, name, createdAt }) => [name, kind, shownTime(createdAt), id]);
        if (rows.length > 0) await printText(table([['Second factor', 'Kind', 'Since', 'Id'], ...rows]));
        return exitStatus.success;
      }),
    );

  addServerOptions(account.command('password').description('change the own password; ends the other sessions'))
    .option('--end-api-tokens', 'end the API tokens too: they are good without the password')
    .option('--password-file <file>', 'file with the present password; else it is asked for')
    .option('--new-password-file <file>', 'file with the new password; else it is asked for')
    .addHelpText('after', `\nExample:\n  $ holdfast account password\n${serverHelp}`)
    .action((options: PasswordOptions & { readonly endApiTokens?: boolean }) =>
      performWithServer(options, async ({ client, signal }) => {
        const currentPassword = await askPresent(options, signal);
        const file = options.newPasswordFile;
        const newPassword = await askNewPassword({ file, option: '--new-password-file', signal });
        const { endApiTokens = false } = options;
        await client.call('changePassword', { body: { currentPassword, newPassword, endApiTokens }, signal });
        if (options.json) await printJson({ kind: 'password-changed' });
        else
          await print(
            `The password is changed; other sessions have ended. ${
              endApiTokens ? 'So have all API tokens.' : 'API tokens go on: `holdfast api-token list` shows them.'
            }\n`,
          );
        return exitStatus.success;
      }),
    );

  addServerOptions(
    account.command('confirm').description('give a second factor again, for actions that ask for a fresh one'),
  )
    .option('--code <code>', 'code of the authenticator, or a recovery code; else it is asked for')
    .addHelpText('after', `\nExample:\n  $ holdfast account confirm --code 123456\n${serverHelp}`)
    .action((options: ServerOptions & { readonly code?: string }) =>
      performWithServer(options, async ({ client, signal }) => {
        const proof = await askProof(options.code, signal);
        const { until } = await client.call('confirm', { body: { proof }, signal });
        if (options.json) await printJson({ kind: 'confirmed', until });
        else await printText(`Confirmed until ${shownTime(until)}.\n`);
        return exitStatus.success;
      }),
    );

  const totp = account.command('totp').description('one-time passwords of an authenticator app');
  addServerOptions(totp.command('add').description('begin to set one up; its secret is shown this once'))
    .option('--name <name>', 'to tell it from others', 'authenticator')
    .option('--password-file <file>', 'file with the password; else it is asked for')
    .addHelpText('after', `\nExample:\n  $ holdfast account totp add --name phone\n${serverHelp}`)
    .action((options: PasswordOptions & { readonly name: string }) =>
      performWithServer(options, async ({ client, signal }) => {
        const currentPassword = await askPresent(options, signal);
        const { id, secret, uri } = await client.call('addTotp', {
          body: { name: options.name, currentPassword },
          signal,
        });
        if (options.json) await printJson({ kind: 'totp', id, secret, uri });
        else
          await printText(
            `Give this to the authenticator, as a text or as a QR code:\n  Secret  ${secret}\n  URI     ${uri}\n` +
              `Then: holdfast account totp confirm ${id}\n`,
          );
        return exitStatus.success;
      }),
    );
  addServerOptions(
    totp
      .command('confirm')
      .description('a first code shows that it works')
      .argument('<id>', 'as `totp add` printed it'),
  )
    .option('--code <code>', 'the code; else it is asked for')
    .addHelpText('after', `\nExample:\n  $ holdfast account totp confirm 6f1c2a34-… --code 123456\n${serverHelp}`)
    .action((id: string, options: ServerOptions & { readonly code?: string }) =>
      performWithServer(options, async ({ client, signal }) => {
        const code = options.code ?? (await promptPassword('Code of the authenticator: ', signal));
        const { recoveryCodes } = await client.call('confirmTotp', { params: { id }, body: { code }, signal });
        if (options.json) await printJson({ kind: 'totp-confirmed', id, recoveryCodes });
        else await printText(`The second factor is set up.\n${recoveryText(recoveryCodes)}`);
        return exitStatus.success;
      }),
    );

  addServerOptions(
    account
      .command('remove-factor')
      .description('remove a second factor')
      .argument('<id>', 'as `holdfast account show` prints it'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast account remove-factor 6f1c2a34-…\n${serverHelp}`)
    .action((id: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        await client.call('removeSecondFactor', { params: { id }, signal });
        if (options.json) await printJson({ kind: 'factor-removed', id });
        else await print('The second factor is removed.\n');
        return exitStatus.success;
      }),
    );

  addServerOptions(
    account.command('recovery-codes').description('new recovery codes; the old ones are worth nothing then'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast account recovery-codes\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { recoveryCodes } = await client.call('renewRecoveryCodes', { signal });
        if (options.json) await printJson({ kind: 'recovery-codes', recoveryCodes });
        else await printText(recoveryText(recoveryCodes));
        return exitStatus.success;
      }),
    );

  addServerOptions(account.command('sessions').description('own sessions and API tokens'))
    .addHelpText('after', `\nExample:\n  $ holdfast account sessions\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { access } = await client.call('ownAccess', { signal });
        if (options.json) await printJson({ kind: 'access', access });
        else await printText(accessTable(access));
        return exitStatus.success;
      }),
    );

  addServerOptions(
    account
      .command('revoke')
      .description('end an own session or API token, at once')
      .argument('<id>', 'as `holdfast account sessions` prints it'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast account revoke 6f1c2a34-…\n${serverHelp}`)
    .action((id: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        await client.call('revokeOwnAccess', { params: { id }, signal });
        if (options.json) await printJson({ kind: 'access-revoked', id });
        else await print('It has ended.\n');
        return exitStatus.success;
      }),
    );
}

function askPresent({ passwordFile: file }: PasswordOptions, signal: AbortSignal): Promise<string> {
  return askSecret({ question: 'Present password: ', file, option: '--password-file', signal });
}

function recoveryText(codes: readonly string[] | undefined): string {
  if (!codes) return '';
  return `Recovery codes, shown this once; each is good once, for the day when the authenticator is lost:\n${codes.map((code) => `  ${code}\n`).join('')}`;
}
