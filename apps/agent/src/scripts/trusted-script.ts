import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { weaknessOnWindows } from './windows-access.ts';

/** What Windows runs, in this order, where a name has no ending of its own. */
const windowsEndings = ['.ps1', '.cmd', '.bat', '.exe'];
const groupOrOthersWrite = 0o022;
const sticky = 0o1000;
const anyExecute = 0o111;

type Part = 'script' | 'folder' | 'parent';

/**
 * The path of a script, which nobody but root can have written or can change before it is started: the script, its folder and all
 * folders above belong to root, nobody else may write to them, and none of them is a link. They are looked at from the root on
 * down. So each is held by one that has been found safe, and there is no moment between looking and starting in which somebody
 * else could put another in its place; a descriptor that is kept open (and that the script would have to be started by, under
 * another name) would add nothing.
 *
 * Rights that POSIX access control lists give show in the group's bits (acl(5)), so they count. Lists of macOS and of NFSv4 do
 * not show there, and are not seen.
 * @throws script.refused
 */
export async function trustedScript(
  o: { readonly folder: string; readonly name: string },
  /** Whom scripts may belong to. */
  owners: ReadonlySet<number> = new Set([0]),
): Promise<string> {
  const folder = resolve(o.folder);
  const isWindows = process.platform === 'win32';
  for (const path of parentsOf(folder)) await check(path, path === folder ? 'folder' : 'parent', owners);
  const endings = isWindows && extname(o.name) === '' ? windowsEndings : [''];
  for (const ending of endings) {
    const path = join(folder, o.name + ending);
    if (await check(path, 'script', owners)) return path;
  }
  throw new HoldfastError('script.refused', {
    message: `There is no script ${o.name} in ${folder} of this computer.`,
    guidance: `Put it there, as an executable file of ${isWindows ? 'Administrators' : 'root'}, or change the job.`,
  });
}

/** From the root on down to the folder itself. */
function parentsOf(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [...parentsOf(above), folder];
}

/** False for a script that is not there. */
async function check(path: string, part: Part, owners: ReadonlySet<number>): Promise<boolean> {
  let stats: Stats;
  try {
    stats = await lstat(path);
  } catch (error) {
    if (part === 'script' && errnoOf(error) === 'ENOENT') return false;
    throw refused(path, `can not be looked at (${errnoOf(error) ?? String(error)})`);
  }
  const weakness =
    weaknessOfKind(stats, part) ??
    (process.platform === 'win32' ? await weaknessOnWindows(path, part) : weaknessOfRights(stats, part, owners));
  if (weakness !== undefined) throw refused(path, weakness);
  return true;
}

function weaknessOfKind(stats: Stats, part: Part): string | undefined {
  if (stats.isSymbolicLink()) return 'is a link';
  if (part === 'script' ? !stats.isFile() : !stats.isDirectory())
    return part === 'script' ? 'is no ordinary file' : 'is no folder';
  return undefined;
}

/** What is wrong with the owner and the rights, if anything. */
export function weaknessOfRights(
  { uid, mode }: Pick<Stats, 'uid' | 'mode'>,
  part: Part,
  owners: ReadonlySet<number>,
): string | undefined {
  if (!owners.has(uid)) return `belongs to user ${uid} and not to root`;
  // In a folder as /tmp nobody can rename or remove what is root's.
  const mayBeWritable = part === 'parent' && (mode & sticky) !== 0;
  if ((mode & groupOrOthersWrite) !== 0 && !mayBeWritable) return 'may be written to by others than root';
  if (part === 'script' && (mode & anyExecute) === 0) return 'is not executable';
  return undefined;
}

function refused(path: string, weakness: string): HoldfastError {
  const windows = process.platform === 'win32';
  return new HoldfastError('script.refused', {
    message: `${path} ${weakness}, so no script is run from there.`,
    guidance: windows
      ? 'Scripts, their folder and all folders above must belong to Administrators or SYSTEM, and nobody else may write to them.'
      : `Scripts, their folder and all folders above must be root's, writable by root only, and no links: chown root ${path}; chmod go-w ${path}; chmod +x for a script.`,
  });
}
