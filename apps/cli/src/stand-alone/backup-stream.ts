import { spawn } from 'node:child_process';
import { addAbortSignal } from 'node:stream';
import { errnoOf, HoldfastError } from '@holdfast/core';
import type { StreamSource } from '@holdfast/engine/backup';
import { environmentWithoutPasswords } from '@holdfast/engine/scripts';
import type { BackupCommandOptions } from '../commands/backup.ts';
import { passwordFileOf } from './password.ts';

/** How long a command that was asked to end may take to do so. */
const graceMs = 10_000;

/** What is to be backed up as one file instead of files and folders; undefined without such an option. */
export function streamSource(paths: readonly string[], options: BackupCommandOptions): StreamSource | undefined {
  const { stdin, stdinFromCommand, stdinFilename: path } = options;
  if (!stdin && !stdinFromCommand) return undefined;
  const refuse = (message: string): never => {
    throw new HoldfastError('usage.option', { message });
  };
  if (options.filesFrom ?? options.filesFromVerbatim ?? options.filesFromRaw)
    refuse('With --stdin or --stdin-from-command nothing else is backed up: leave out the lists of files.');
  if (options.useFsSnapshot || options.snapshotProvider !== 'none')
    refuse('Of standard input or the output of a command there is no snapshot of a file system.');
  if (stdinFromCommand) {
    if (paths.length === 0) refuse('--stdin-from-command needs a command, behind --.');
    return { path, open: (signal) => commandOutput(paths, signal) };
  }
  if (paths.length > 0) refuse('With --stdin nothing else is backed up: leave out the files and folders.');
  if (passwordFileOf(options) === '-')
    refuse('Standard input is what is backed up: the password cannot be read from it.');
  return { path, open: standardInput };
}

async function* standardInput(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* addAbortSignal(signal, process.stdin);
  } catch (cause) {
    signal.throwIfAborted();
    throw new HoldfastError('file.unreadable', {
      message: `Standard input could not be read (${errnoOf(cause) ?? String(cause)}).`,
      cause,
    });
  }
}

/** What a command prints, to its end. @throws backup.command unless that is a good one */
async function* commandOutput(command: readonly string[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const [program = '', ...args] = command;
  // In our own group, so that it may ask for its password on the terminal.
  const child = spawn(program, args, {
    env: environmentWithoutPasswords(),
    stdio: ['ignore', 'pipe', process.stderr],
  });
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (cause) => resolve(`could not be started (${errnoOf(cause) ?? String(cause)})`));
    child.once('exit', (status, killedBy) => resolve(status === 0 ? undefined : `ended with ${status ?? killedBy}`));
  });
  const end = (): void => {
    if (!child.kill()) return;
    const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
    child.once('exit', () => clearTimeout(force));
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    yield* addAbortSignal(signal, child.stdout);
    const failure = await ended;
    signal.throwIfAborted();
    if (failure === undefined) return;
    throw new HoldfastError('backup.command', { message: `The command ${program} ${failure}.` });
  } finally {
    signal.removeEventListener('abort', end);
    // Nobody reads it any more.
    end();
  }
}
