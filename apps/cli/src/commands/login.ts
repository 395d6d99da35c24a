import { exitStatus, HoldfastError, systemClock } from '@holdfast/core';
import { type RestClient, signInAsDevice } from '@holdfast/protocol';
import type { Command } from 'commander';
import { resolvePath } from '../data-directory.ts';
import { askNewPassword, askProof, askSecret } from '../managed/ask.ts';
import type { ServerPlace } from '../managed/server-connection.ts';
import { addServerOptions, type ServerOptions } from '../managed/server-options.ts';
import { isOfMachine, readSession, removeSession, type SavedSession, writeSession } from '../managed/session-file.ts';
import { print, printJson, printText, shownTime } from '../output.ts';
import { perform, type Work } from '../work.ts';

interface LoginOptions extends ServerOptions {
  readonly user?: string;
  readonly device?: true;
  readonly passwordFile?: string;
  readonly newPasswordFile?: string;
  readonly code?: string;
  readonly serviceAccount?: string;
  readonly certificateFile?: string;
}

/** `holdfast login` and `logout`. */
export function registerLogin(program: Command): void {
  addServerOptions(
    program.command('login').description('sign in to the server; the session is kept in a file of mode 0600'),
    { token: false },
  )
    .option('--user <name>', 'name of the account')
    .option('--device', 'sign in with a browser, here or elsewhere: it asks for the short code that is shown here')
    .option('--password-file <file>', 'file that holds the password; else it is asked for')
    .option('--new-password-file <file>', 'file with the new password, where it has to be changed')
    .option(
      '--service-account <id>',
      'as a machine: the certificate signs in at each command, and no password is asked for',
    )
    .option(
      '--certificate-file <file>',
      'of the machine: private key and certificate (PEM), or the identity.json of an agent',
    )
    .option('--code <code>', 'code of the authenticator, or a recovery code; else it is asked for')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast login --user alice
  $ holdfast login --user alice --server backup.example --cacert ca.pem
  $ holdfast login --device
  $ holdfast login --service-account 6f1c2a34-… --certificate-file report.pem --server backup.example --cacert ca.pem

The session is in session.json of the data directory (--data, HOLDFAST_DATA), and all commands use it until \`holdfast logout\`
or until it expires. --token-file comes before it. With --device no password passes this terminal, and passkeys work; the code
is good for ten minutes. JSON then begins with {kind: "device-sign-in", userCode, verificationUri, verificationUriComplete, expiresAt}.`,
    )
    .action((options: LoginOptions) => perform(options, (work) => login(options, work)));

  addServerOptions(program.command('logout').description('end the session that `holdfast login` began'), {
    token: false,
  })
    .addHelpText('after', '\nExample:\n  $ holdfast logout')
    .action((options: ServerOptions) => perform(options, (work) => logout(options, work)));
}

interface SignedIn {
  readonly user: string;
  readonly token: string;
  readonly expiresAt: string;
  readonly due?: 'password' | 'second-factor' | undefined;
  /** The one that it was begun with; undefined where it was typed elsewhere. */
  readonly password?: string;
}

async function login(options: LoginOptions, work: Work) {
  const { signal, resources } = work;
  const { openServer, serverPlace } = await import('../managed/server-connection.ts');
  const place = await serverPlace(options);
  if (options.serviceAccount !== undefined) return loginMachine(options, options.serviceAccount, { place, work });
  const session = await (options.device ? withDevice : withPassword)(options, place, work);
  const { user, token, expiresAt } = session;
  const earlier = await earlierSession(options);
  const path = await writeSession(options.data, { ...place, token, expiresAt, user });
  const due =
    session.due === 'password'
      ? await changePassword(openServer({ ...place, token }, resources), {
          password: session.password ?? (await askPassword(user, options, signal)),
          options,
          signal,
        })
      : session.due;
  if (earlier && !isOfMachine(earlier)) await endEarlier(openServer(earlier, resources), signal);
  if (options.json) await printJson({ kind: 'session', user, expiresAt, sessionFile: path, due });
  else await printText(`Signed in as ${user} until ${shownTime(expiresAt)}. The session is in ${path}.\n`);
  if (due === 'second-factor' && !options.json)
    await print('The account needs a second factor before anything else: `holdfast account totp` sets one up.\n');
  return exitStatus.success;
}

/** Nothing begins: the file says with what each command is to get a token. One is asked for now, to see that it can. */
async function loginMachine(
  options: LoginOptions,
  serviceAccount: string,
  { place, work: { signal, resources } }: { place: ServerPlace; work: Work },
) {
  const { certificateFile: file } = options;
  if (file === undefined)
    throw new HoldfastError('usage.option', {
      message: 'What the machine proves itself with is not known.',
      guidance: 'Give the file of key and certificate with --certificate-file.',
    });
  const { openAsMachine, openServer } = await import('../managed/server-connection.ts');
  const session = { ...place, serviceAccount, certificateFile: resolvePath(file) };
  const client = await openAsMachine(session, resources);
  await client.call('status', { signal });
  const earlier = await earlierSession(options);
  const path = await writeSession(options.data, session);
  if (earlier && !isOfMachine(earlier)) await endEarlier(openServer(earlier, resources), signal);
  if (options.json) await printJson({ kind: 'session', serviceAccount, sessionFile: path });
  else await printText(`Commands are done as service account ${serviceAccount} from now on. ${path} says so.\n`);
  return exitStatus.success;
}

async function withPassword(options: LoginOptions, place: ServerPlace, { signal, resources }: Work): Promise<SignedIn> {
  const { user } = options;
  if (user === undefined)
    throw new HoldfastError('usage.option', {
      message: 'Who signs in is not known.',
      guidance: 'Give the account with --user, or --device to sign in with a browser.',
    });
  const { openServer } = await import('../managed/server-connection.ts');
  const anyone = openServer({ ...place, token: undefined }, resources);
  const password = await askPassword(user, options, signal);
  const first = await anyone.call('signIn', { body: { name: user, password }, signal });
  if (first.state === 'signed-in') return { ...first, user, password };
  const body = { pending: first.pending, proof: await askProof(options.code, signal) };
  return { ...(await anyone.call('completeSignIn', { body, signal })), user, password };
}

/** The account is the one that signed in in the browser. */
async function withDevice(options: LoginOptions, place: ServerPlace, { signal, resources }: Work): Promise<SignedIn> {
  for (const [name, value] of Object.entries({ '--user': options.user, '--code': options.code }))
    if (value !== undefined)
      throw new HoldfastError('usage.option', {
        message: `${name} does not go with --device.`,
        guidance: 'The browser asks for name, password and code.',
      });
  const { openHttp, openServer } = await import('../managed/server-connection.ts');
  const { token, expiresAt } = await signInAsDevice(openHttp(place, resources), {
    clock: systemClock,
    signal,
    tell: async (asked) => {
      const { user_code: userCode, verification_uri: verificationUri, verification_uri_complete: whole } = asked;
      const until = new Date(systemClock.now().getTime() + asked.expires_in * 1000).toISOString();
      if (options.json)
        await printJson({
          ...{ kind: 'device-sign-in', userCode, verificationUri },
          ...{ verificationUriComplete: whole, expiresAt: until },
        });
      else
        await printText(
          `Open ${verificationUri} in a browser and type ${userCode}\n${whole === undefined ? '' : `or open ${whole}\n`}Waiting until ${shownTime(until)} ...\n`,
        );
    },
  });
  const { user, due } = await openServer({ ...place, token }, resources).call('account', { signal });
  return { user: user.name, token, expiresAt, due };
}

function askPassword(user: string, { passwordFile }: LoginOptions, signal: AbortSignal): Promise<string> {
  const question = `Password of ${user}: `;
  return askSecret({ question, file: passwordFile, option: '--password-file', signal });
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
  const user = isOfMachine(session) ? `service-account/${session.serviceAccount}` : session.user;
  try {
    // Of a machine there is no session to end: its tokens end by themselves.
    if (!isOfMachine(session)) await openServer(session, resources).call('signOut', { signal });
  } catch (error) {
    // It has ended already.
    if (!(error instanceof HoldfastError && error.code === 'auth.required')) throw error;
  }
  await removeSession(options.data);
  if (options.json) await printJson({ kind: 'signed-out', user });
  else await printText(`${user} has signed out.\n`);
  return exitStatus.success;
}
