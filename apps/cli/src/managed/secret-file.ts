import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { resolvePath } from '../data-directory.ts';

/** Writes a secret to a new file that only this user can read; never over a file that exists. Gives its full path. */
export async function writeSecretFile(path: string, content: string): Promise<string> {
  const full = resolvePath(path);
  try {
    await mkdir(dirname(full), { recursive: true, mode: 0o700 });
    await using file = await open(full, 'wx', 0o600);
    await file.writeFile(content);
    await file.sync();
    return full;
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `${full} could not be written (${errnoOf(error) === 'EEXIST' ? 'it exists already' : (errnoOf(error) ?? String(error))}).`,
      guidance: 'Choose another place; a secret is never written over something else.',
      cause: error,
    });
  }
}

/** Secrets reach the screen only when somebody asked for that. */
export function requirePlace(options: { readonly out?: string; readonly show?: boolean }, what: string): void {
  if ((options.out === undefined) !== (options.show !== true)) return;
  throw new HoldfastError('usage.option', {
    message: options.show ? '--out and --show exclude each other.' : `Where to put the ${what} was not said.`,
    guidance: 'Use --out for files that only you can read, or --show for the screen.',
  });
}

/** A word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
