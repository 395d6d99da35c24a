import { exitStatus, HoldfastError } from '@holdfast/core';
import type { RestClient } from '@holdfast/protocol';
import type { Command } from 'commander';
import { askNewPassword, askProof, askSecret } from '../managed/ask.ts';
import { addServerOptions, type ServerOptions } from '../managed/server-options.ts';
import { readSession, removeSession, type SavedSession, writeSession } from '../managed/session-file.ts';
import { print, printJson, printText, shownTime } from '../output.ts';
import { perform, type Work } from '../work.ts';

interface LoginOptions extends ServerOptions {
  readonly user: string;
  readonly passwordFile?: string;
  readonly newPasswordFile?: string;
  readonly code?: string;
}

/** `holdfast login` and `logout`. */
export function registerLogin(program: Command): void {
  addServerOptions(
    program.command('login').description('sign in to the server; the session is kept in a file of mode 0600'),
    { token: false },
  )
    .requiredOption('--user <name>', 'name of the account')
    .option('--password-file <file>', 'file that holds the password; else it is asked for')
    .option('--new-password-file <file>', 'file with the new password, where it has to be changed')
    .option('--code <code>', 'code of the authenticator, or a recovery code; else it is asked for')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast login --user alice
  $ holdfast login --user alice --server backup.example --cacert ca.pem

The session is in session.json of the data directory (--data, HOLDFAST_DATA), and all commands use it until \`holdfast logout\`
or until it expires. --token-file comes before it.`,
    )
    .action((options: LoginOptions) => perform(options, (work) => login(options, work)));

  addServerOptions(program.command('logout').description('end the session that `holdfast login` began'), {
    token: false,
  })
    .addHelpText('after', '\nExample:\n  $ holdfast logout')
    .action((options: ServerOptions) => perform(options, (work) => logout(options, work)));
}

async function login(options: LoginOptions, { signal, resources }: Work) {
  const { openServer, serverPlace } = await import('../managed/server-connection.ts');
  const place = await serverPlace(options);
  const anyone = openServer({ ...place, token: undefined }, resources);
  const { user } = options;
  const file = options.passwordFile;
  const password = await askSecret({ question: `Password of ${user}: `, file, option: '--password-file', signal });
  const first = await anyone.call('signIn', { body: { name: user, password }, signal });
  const session =
    first.state === 'signed-in'
      ? first
      : await anyone.call('completeSignIn', {
          body: { pending: first.pending, proof: await askProof(options.code, signal) },
          signal,
        });
  const { token, expiresAt } = session;
  const earlier = await earlierSession(options);
  const path = await writeSession(options.data, { ...place, token, expiresAt, user });
  const due =
    session.due === 'password'
      ? await changePassword(openServer({ ...place, token }, resources), { password, options, signal })
      : session.due;
  if (earlier) await endEarlier(openServer(earlier, resources), signal);
  if (options.json) await printJson({ kind: 'session', user, expiresAt, sessionFile: path, due });
  else await printText(`Signed in as ${user} until ${shownTime(expiresAt)}. The session is in ${path}.\n`);
  if (due === 'second-factor' && !options.json)
    await print('The account needs a second factor before anything else: `holdfast account totp` sets one up.\n');
  return exitStatus.success;
}

/** Somebody else chose the password. Gives what is due after that. */
async function changePassword(
  client: RestClient,
  o: { password: string; options: LoginOptions; signal: AbortSignal },
): Promise<'password' | 'second-factor' | undefined> {
  const { signal } = o;
  const file = o.options.newPasswordFile;
  if (file === undefined) process.stderr.write('The password was chosen by somebody else and has to be changed.\n');
  const newPassword = await askNewPassword({ file, option: '--new-password-file', signal });
  await client.call('changePassword', { body: { currentPassword: o.password, newPassword }, signal });
  return (await client.call('account', { signal })).due;
}

async function earlierSession({ data }: LoginOptions): Promise<SavedSession | undefined> {
  try {
    return await readSession(data);
  } catch (error) {
    // What is no session is replaced by one.
    if (error instanceof HoldfastError) return undefined;
    throw error;
  }
}

/** The file had its token, which nobody has any more. */
async function endEarlier(client: RestClient, signal: AbortSignal): Promise<void> {
  try {
    await client.call('signOut', { signal });
  } catch (error) {
    // It has ended, or its server can't be reached: then it ends by itself.
    signal.throwIfAborted();
    if (!(error instanceof HoldfastError)) throw error;
  }
}

async function logout(options: ServerOptions, { signal, resources }: Work) {
  const { openServer } = await import('../managed/server-connection.ts');
  const session = await readSession(options.data);
  if (!session)
    throw new HoldfastError('usage.option', { message: 'Nobody has signed in.', guidance: '`holdfast login` does.' });
  try {
    await openServer(session, resources).call('signOut', { signal });
  } catch (error) {
    // It has ended already.
    if (!(error instanceof HoldfastError && error.code === 'auth.required')) throw error;
  }
  await removeSession(options.data);
  if (options.json) await printJson({ kind: 'signed-out', user: session.user });
  else await printText(`${session.user} has signed out.\n`);
  return exitStatus.success;
}
