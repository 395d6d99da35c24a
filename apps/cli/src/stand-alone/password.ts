import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { buffer, text } from 'node:stream/consumers';
import { isatty } from 'node:tty';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { resolvePath } from '../data-directory.ts';
import { setting } from '../environment.ts';
import { splitCommand } from './command-line.ts';
import { canPrompt, promptPassword } from './password-prompt.ts';

export interface PasswordOptions {
  readonly passwordFile?: string | undefined;
  readonly passwordCommand?: string | undefined;
  readonly insecureNoPassword?: boolean | undefined;
  /** Of the repository that `copy` reads: its variables are HOLDFAST_FROM_… and its options --from-…. */
  readonly from?: boolean | undefined;
}

/** The program may have to ask a person, or a vault on the network. */
const commandLimitMs = 5 * 60_000;

/**
 * The repository's password: from `--password-file` or `--password-command`, then the environment (ours before restic's),
 * then the terminal. `confirm` asks twice, for a new repository.
 */
export async function readPassword(
  options: PasswordOptions,
  use: { readonly confirm: boolean; readonly signal: AbortSignal },
): Promise<string> {
  const { passwordFile, passwordCommand, from } = options;
  const option = (name: string): string => `--${from ? 'from-' : ''}${name}`;
  if (passwordFile !== undefined && passwordCommand !== undefined) {
    throw new HoldfastError('usage.option', {
      message: `${option('password-file')} and ${option('password-command')} exclude each other.`,
    });
  }
  if (options.insecureNoPassword) {
    if (passwordFile === undefined && passwordCommand === undefined) return '';
    throw new HoldfastError('usage.option', {
      message: `${option('insecure-no-password')} means that there is no password to read.`,
    });
  }
  const file = passwordFileOf(options);
  const command = passwordCommand ?? (file === undefined ? variable('PASSWORD_COMMAND', options) : undefined);
  if (file !== undefined) return readPasswordFile(file);
  if (command !== undefined)
    return notEmpty(await fromCommand(command, use.signal), 'The answer of the password command');
  const given = variable('PASSWORD', options);
  if (given !== undefined) return given;
  if (!canPrompt()) {
    throw new HoldfastError('usage.option', {
      message: `No password${from ? ' of the source' : ''} was given, and there is no terminal to ask on.`,
      guidance: from
        ? 'Use --from-password-file FILE, --from-password-command COMMAND, or the variable HOLDFAST_FROM_PASSWORD_FILE or RESTIC_FROM_PASSWORD_FILE.'
        : 'Use --password-file FILE, --password-command COMMAND, or the variables HOLDFAST_PASSWORD_FILE or RESTIC_PASSWORD_FILE.',
    });
  }
  return askForPassword({ what: from ? 'source repository' : 'repository', ...use });
}

/** The file that the password is read from, by the options or the environment; `-` is standard input. */
export function passwordFileOf(options: PasswordOptions): string | undefined {
  const { passwordFile, passwordCommand, insecureNoPassword } = options;
  if (passwordFile !== undefined || passwordCommand !== undefined || insecureNoPassword) return passwordFile;
  return variable('PASSWORD_FILE', options);
}

function variable(name: string, { from }: PasswordOptions): string | undefined {
  return setting(`${from ? 'FROM_' : ''}${name}`);
}

/** The password in a file; `-` is standard input. */
export async function readPasswordFile(file: string): Promise<string> {
  return notEmpty(await fromFile(file), `The password file ${file}`);
}

async function fromFile(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : await readFile(resolvePath(file), 'utf8');
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `The password file ${file} could not be read (${errnoOf(error) ?? String(error)}).`,
      guidance: 'Check the path and its permissions.',
      cause: error,
    });
  }
}

/**
 * Runs the program without a shell, as restic does; what it says on standard error is shown. It may ask a person, but of other
 * standard input it gets nothing: that may be what is backed up.
 */
async function fromCommand(command: string, signal: AbortSignal): Promise<string> {
  const [program, ...args] = splitCommand(command);
  if (program === undefined) throw new HoldfastError('usage.option', { message: 'The password command is empty.' });
  const failed = (how: string, cause?: unknown): HoldfastError =>
    new HoldfastError('usage.option', {
      message: `The password command ${program} ${how}.`,
      guidance: 'Run it by itself to see why.',
      cause,
    });
  const stdin = isatty(0) ? 'inherit' : 'ignore';
  const child = spawn(program, args, { stdio: [stdin, 'pipe', 'inherit'], signal, timeout: commandLimitMs });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  try {
    const [answer, status] = await Promise.all([buffer(child.stdout), ended]);
    if (status !== 0) throw failed(`ended with status ${status ?? 'of a signal'}`);
    return answer.toString('utf8');
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HoldfastError) throw error;
    throw failed(`could not be run (${errnoOf(error) ?? String(error)})`, error);
  }
}

/** Asks on the terminal; a new password twice. */
export async function askForPassword({
  what,
  confirm,
  signal,
}: {
  readonly what: string;
  readonly confirm: boolean;
  readonly signal: AbortSignal;
}): Promise<string> {
  const question = `${confirm ? 'New password' : 'Password'} of the ${what}: `;
  const password = notEmpty(await promptPassword(question, signal), 'The password');
  if (confirm && notEmpty(await promptPassword('The same again: ', signal), 'The password') !== password) {
    throw new HoldfastError('usage.option', {
      message: 'The two passwords differ.',
      guidance: 'Try again; nothing was made.',
    });
  }
  return password;
}

/** White space around it is not part of it, as restic has it. */
function notEmpty(content: string, what: string): string {
  const password = content.replace(/^\uFEFF/, '').trim();
  if (password === '')
    throw new HoldfastError('usage.option', {
      message: `${what} is empty.`,
      guidance: 'A repository needs a password; --insecure-no-password opens one that has none.',
    });
  return password;
}
