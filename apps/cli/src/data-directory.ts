import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where `npm` was called: it changes the working directory to the project's before it runs a script. */
export const callersDirectory = process.env['INIT_CWD'] ?? process.cwd();

/** A path as the person meant it. */
export function resolvePath(path: string): string {
  return resolve(callersDirectory, path);
}

/** The data directory unless `--data` names another: `$HOLDFAST_DATA`, `/var/lib/holdfast` for root, the user's data folder. */
export function defaultDataDirectory(): string {
  const given = process.env['HOLDFAST_DATA'];
  if (given) return resolvePath(given);
  if (process.platform === 'win32') return join(process.env['PROGRAMDATA'] ?? homedir(), 'Holdfast');
  if (process.getuid?.() === 0) return '/var/lib/holdfast';
  return join(process.env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'holdfast');
}
