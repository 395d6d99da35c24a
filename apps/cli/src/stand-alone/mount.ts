import { access, constants, realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { type ExitStatus, errnoOf, exitStatus, HoldfastError } from '@holdfast/core';
import { defaultTemplates, mountRepository } from '@holdfast/engine/mount';
import type { MountCommandOptions } from '../commands/mount.ts';
import { resolvePath } from '../data-directory.ts';
import { refuseWithoutExecutor } from '../managed/executor.ts';
import { print } from '../output.ts';
import type { Work } from '../work.ts';
import { openForReading } from './open-for-reading.ts';
import { givenRepository, requireRepository } from './open-repository.ts';
import { matches } from './snapshot-selection.ts';

export async function runMount(folder: string, options: MountCommandOptions, work: Work): Promise<ExitStatus> {
  if ((await givenRepository(options)) === undefined) refuseWithoutExecutor('mount');
  if (process.platform !== 'linux')
    throw new HoldfastError('native.unavailable', {
      message: `Repositories can be mounted on Linux only, not on ${process.platform}.`,
      guidance: 'Use `holdfast ls`, `holdfast dump` and `holdfast restore`.',
    });
  const mountPoint = await checkedMountPoint(folder, options);
  const { view } = work;
  const { repository, signal } = await openForReading(options, work);
  await repository.loadIndex({ signal });
  await mountRepository(repository, {
    mountPoint,
    chosen: (found) => matches(found, options),
    templates: {
      paths: options.pathTemplate ?? defaultTemplates.paths,
      time: options.timeTemplate ?? defaultTemplates.time,
    },
    allowOther: options.allowOther,
    ignorePermissions: !options.defaultPermissions,
    ownerRoot: options.ownerRoot,
    onProblem: view.problem,
    onMounted: () => {
      if (!options.quiet)
        void print(
          `Now serving the repository at ${mountPoint}.\nBrowse the folder with any program. Ctrl-C here, or umount, ends it.\n`,
        );
    },
    signal,
  });
  // The lock's end is a failure, Ctrl-C the usual end.
  if (signal.aborted && !work.signal.aborted) throw signal.reason;
  return exitStatus.success;
}

/** The folder without links. @throws mount.refused when it can't be one, before anything is opened */
async function checkedMountPoint(folder: string, options: MountCommandOptions): Promise<string> {
  const refused = (why: string, cause?: unknown): HoldfastError =>
    new HoldfastError('mount.refused', { message: `${folder} cannot be a mount point: ${why}.`, cause });
  let path: string;
  try {
    path = await realpath(resolvePath(folder));
    if (!(await stat(path)).isDirectory()) throw refused('it is no folder');
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    if (code === 'ENOTCONN')
      throw new HoldfastError('mount.refused', {
        message: `${folder} is a mount whose process has died.`,
        guidance: `Free it: \`umount ${folder}\`, or \`fusermount3 -u ${folder}\`.`,
        cause: error,
      });
    throw refused(code === 'ENOENT' ? 'it does not exist' : `it may not be used (${code})`, error);
  }
  const location = await requireRepository(options);
  if (location.kind !== 'folder') return path;
  const repository = await realpath(location.path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return location.path;
    throw error;
  });
  // Reading the repository through the mount that is made of it would wait for itself for ever.
  if (isIn(path, repository) || isIn(repository, path)) throw refused('it and the repository are inside one another');
  return path;
}

function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}
