import fs from 'node:fs';
import { errnoOf, type HoldfastError } from '@holdfast/core';
import { type FoundSnapshot, type Repository, shortId, timeOfDate } from '@holdfast/repository';
import { connectFuse, type FuseConnection } from './fuse-connection.ts';
import { FuseReader } from './fuse-reader.ts';
import { FuseSession } from './fuse-session.ts';
import { MountFileSystem } from './mount-file-system.ts';
import { mountLimits } from './mount-limits.ts';
import { checkTemplates, defaultTemplates, type FolderTemplates } from './snapshot-folders.ts';

export interface MountOptions {
  /** An existing folder, absolute and without links. */
  readonly mountPoint: string;
  /** Which snapshots are shown; all if left out. */
  readonly chosen?: ((found: FoundSnapshot) => boolean) | undefined;
  readonly templates?: FolderTemplates | undefined;
  /** Other users may look in, as far as the modes of the files let them. */
  readonly allowOther?: boolean | undefined;
  /** With `allowOther`: everybody may read everything, whatever the modes. */
  readonly ignorePermissions?: boolean | undefined;
  /** Everything belongs to root, whatever the snapshot says. */
  readonly ownerRoot?: boolean | undefined;
  /** Told of what could not be read, up to a bound; the program that asked gets EIO. */
  readonly onProblem: (problem: HoldfastError) => void;
  /** Called when the mount can be used. */
  readonly onMounted?: (() => void) | undefined;
  /** Ends the mount: everything under way is answered with an error, and the folder is free again at once. */
  readonly signal: AbortSignal;
}

/**
 * Shows the snapshots of a repository, whose index is loaded, as read-only folders. Resolves when the signal has aborted or
 * somebody has unmounted it.
 * @throws native.unavailable, mount.refused, usage.option
 */
export async function mountRepository(repository: Repository, options: MountOptions): Promise<void> {
  const templates = options.templates ?? defaultTemplates;
  checkTemplates(templates);
  const ended = new AbortController();
  const onProblem = bounded(options.onProblem);
  const fileSystem = new MountFileSystem(repository, {
    chosen: options.chosen ?? (() => true),
    templates,
    owner: {
      root: options.ownerRoot ?? false,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      timeNs: timeOfDate(repository.clock.now()),
    },
    onProblem,
    signal: ended.signal,
  });
  await fileSystem.prepare();
  options.signal.throwIfAborted();
  const connection = connectFuse({
    mountPoint: options.mountPoint,
    source: `holdfast:${shortId(repository.config.id)}`,
    subtype: 'holdfast',
    userId: process.getuid?.() ?? 0,
    groupId: process.getgid?.() ?? 0,
    allowOther: options.allowOther ?? false,
    defaultPermissions: options.allowOther === true && options.ignorePermissions !== true,
  });
  try {
    await serve(connection, { fileSystem, onProblem, onMounted: options.onMounted, signal: options.signal });
  } finally {
    ended.abort();
  }
}

async function serve(
  connection: FuseConnection,
  o: {
    readonly fileSystem: MountFileSystem;
    readonly onProblem: (problem: HoldfastError) => void;
    readonly onMounted: (() => void) | undefined;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { fd } = connection;
  let open = true;
  // A late answer must not go to a descriptor that means another file by now.
  const session = new FuseSession({ ...o, send: (parts) => open && send(fd, parts) });
  const takeAway = (): void => {
    if (!open) return;
    open = false;
    fs.closeSync(fd);
    connection.unmount();
  };
  const reader = new FuseReader(fd, (bytes) => {
    if (open) session.handle(bytes);
  });
  // A process that ends in any other way than by our return must not leave a dead mount behind, nor wait for its thread.
  const onExit = (): void => {
    reader.stop();
    takeAway();
  };
  process.once('exit', onExit);
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  o.signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (o.signal.aborted) resolve();
    else o.onMounted?.();
    await Promise.race([reader.gone, aborted]);
  } finally {
    o.signal.removeEventListener('abort', onAbort);
    session.abort();
    await reader[Symbol.asyncDispose]();
    takeAway();
    process.off('exit', onExit);
  }
}

/** One write is one answer. */
function send(fd: number, parts: readonly Buffer[]): boolean {
  try {
    fs.writevSync(fd, parts);
    return true;
  } catch (error) {
    // ENOENT: who asked was interrupted and is gone. ENODEV, ENOTCONN, EBADF: unmounted.
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENOTCONN' || code === 'EBADF') return false;
    throw error;
  }
}

/** A storage that is gone makes every read a problem: the first ones say enough. */
function bounded(onProblem: (problem: HoldfastError) => void): (problem: HoldfastError) => void {
  let count = 0;
  return (problem) => {
    count += 1;
    if (count <= mountLimits.maxProblems) onProblem(problem);
  };
}
