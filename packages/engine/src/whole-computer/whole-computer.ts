import { readFile, realpath } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { temporaryPrefix } from '../backup/pack-staging.ts';
import { parseMacosMounts } from '../snapshot-providers/macos-mounts.ts';
import { parseMounts } from '../snapshot-providers/mounts.ts';
import { hasField, runPowerShell, unexpectedAnswer } from '../snapshot-providers/powershell.ts';
import { runTool } from '../snapshot-providers/run-tool.ts';
import { chooseLinuxMounts, parseSwapFiles } from './linux-mounts.ts';
import { chooseMacosMounts } from './macos-scope.ts';
import { exactPattern, type LeftOut, patternsFor } from './mount-patterns.ts';

/** What of a computer a backup of all of it reads, as it was found at that moment. For `BackupOptions`. */
export interface ComputerScope {
  readonly sources: readonly string[];
  readonly excludes: readonly string[];
  /** What is not in the backup, and why. */
  readonly leftOut: readonly LeftOut[];
}

interface Options {
  /** Folders of this computer whose content is no part of it, and why: the repository that the backup goes to, for instance. */
  readonly ownFolders: readonly LeftOut[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * All local file systems. Where one is left out its mount point is in the backup as an empty folder, so that a restored
 * computer has the place to mount it on.
 * @throws native.unavailable on systems that are not known, backup.volume when the system does not say what there is
 */
export async function wholeComputer(
  options: Options,
  platform: NodeJS.Platform = process.platform,
): Promise<ComputerScope> {
  switch (platform) {
    case 'linux':
      return await linux(options);
    case 'darwin':
      return await macos(options);
    case 'win32':
      return await windows(options);
    default:
      throw new HoldfastError('native.unavailable', {
        message: `Which file systems of this computer are its own is not known on ${platform}.`,
        guidance: 'Name the folders that are to be backed up.',
      });
  }
}

async function linux(options: Options): Promise<ComputerScope> {
  const [mountinfo, filesystems, swaps] = await Promise.all([
    readFile('/proc/self/mountinfo', 'utf8'),
    readFile('/proc/filesystems', 'utf8'),
    readSwaps(),
  ]);
  const { kept, leftOut, special } = chooseLinuxMounts(parseMounts(mountinfo), filesystems);
  const swapFiles = parseSwapFiles(swaps);
  const folders = [...leftOut, ...(await thoseThatAreThere([...special, ...options.ownFolders]))];
  return {
    sources: ['/'],
    excludes: [...patternsFor({ kept, folders }), ...swapFiles.map(exactPattern), ownTemporary()],
    leftOut: [...folders, ...swapFiles.map((path) => ({ path, reason: 'swap' }))],
  };
}

/** Never run: there is no macOS to run it on. */
async function macos(options: Options): Promise<ComputerScope> {
  // Firmlinks look like folders, and what they lead to belongs to the backup.
  const mounts = parseMacosMounts(await runTool('/sbin/mount', [], options.signal), '');
  const { kept, leftOut, special } = chooseMacosMounts(mounts);
  const folders = [...leftOut, ...(await thoseThatAreThere([...special, ...options.ownFolders]))];
  return { sources: ['/'], excludes: [...patternsFor({ kept, folders }), ownTemporary()], leftOut: folders };
}

/** What Windows makes anew, or holds open for itself alone. */
const windowsOwn = [
  ...['pagefile.sys', 'swapfile.sys', 'hiberfil.sys', 'DumpStack.log.tmp'],
  ...['System Volume Information', '$Recycle.Bin'],
];

/** Fixed drives that have a letter. Never run: backups are not made on Windows yet. */
async function windows({ ownFolders, signal }: Options): Promise<ComputerScope> {
  const script = "@{ drives = @((Get-CimInstance -ClassName Win32_LogicalDisk -Filter 'DriveType=3').DeviceID) }";
  const answer = await runPowerShell(script, {}, { run: runTool, signal });
  const drives: unknown = hasField(answer, 'drives') ? answer.drives : undefined;
  if (!Array.isArray(drives) || drives.length === 0) throw unexpectedAnswer(JSON.stringify(answer));
  const sources = drives.map((drive: unknown) => {
    if (typeof drive !== 'string' || !/^[A-Z]:$/.test(drive)) throw unexpectedAnswer(JSON.stringify(drive));
    return `${drive}\\`;
  });
  const own = windowsOwn.map((name) => ({ path: name, reason: 'made anew by Windows, or its own' }));
  return {
    sources,
    excludes: [...windowsOwn, ...ownFolders.map(({ path }) => path.replaceAll('\\', '/'))],
    leftOut: [...own, ...ownFolders],
  };
}

/** By the way on which the backup comes upon them. */
async function thoseThatAreThere(folders: readonly LeftOut[]): Promise<LeftOut[]> {
  const found: LeftOut[] = [];
  for (const { path, reason } of folders) {
    try {
      found.push({ path: await realpath(path), reason });
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
  return found;
}

/** Packs that grow while the backup goes on, of this backup and of others. */
function ownTemporary(): string {
  return `${exactPattern(join(os.tmpdir(), temporaryPrefix))}*`;
}

async function readSwaps(): Promise<string> {
  try {
    return await readFile('/proc/swaps', 'utf8');
  } catch (error) {
    // A kernel without swap has no such file.
    if (errnoOf(error) !== 'ENOENT') throw error;
    return '';
  }
}
