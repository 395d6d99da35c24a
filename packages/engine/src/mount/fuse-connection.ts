import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { errnoOf, HoldfastError } from '@holdfast/core';
import {
  detachMount,
  type FuseMount,
  mountFuse,
  receiveDescriptor,
  setNonBlocking,
  socketPair,
} from '@holdfast/native';
import { mountLimits } from './mount-limits.ts';

/** A mounted file system whose requests come from `fd`, which does not block. */
export interface FuseConnection {
  readonly fd: number;
  /** Takes the mount away if it is still there. The descriptor must be closed before: else the kernel might ask us while we ask it. */
  unmount(): void;
}

export type FuseConnectionOptions = Omit<FuseMount, 'fd'>;

/** The helper that mounts for people without root's rights: it is set-user-id and checks that the folder is theirs. */
const helpers = ['fusermount3', 'fusermount'] as const;

/**
 * Mounts: as root by mount(2), else with the system's helper.
 * @throws native.unavailable where the system has no FUSE, mount.refused
 */
export function connectFuse(options: FuseConnectionOptions): FuseConnection {
  if (process.platform !== 'linux')
    throw new HoldfastError('native.unavailable', {
      message: `Repositories can be mounted on Linux only, not on ${process.platform}.`,
      guidance: 'Use `holdfast ls`, `holdfast dump` and `holdfast restore`.',
      context: { platform: process.platform },
    });
  return process.geteuid?.() === 0 ? mountAsRoot(options) : mountByHelper(options);
}

function mountAsRoot(options: FuseConnectionOptions): FuseConnection {
  let fd: number;
  try {
    fd = fs.openSync('/dev/fuse', fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  } catch (error) {
    throw new HoldfastError('native.unavailable', {
      message: `/dev/fuse could not be opened (${errnoOf(error) ?? String(error)}), so nothing can be mounted.`,
      guidance:
        'Load the kernel module with `modprobe fuse`; a container needs `--device /dev/fuse --cap-add SYS_ADMIN`.',
      cause: error,
    });
  }
  try {
    mountFuse({ ...options, fd });
  } catch (error) {
    fs.closeSync(fd);
    throw refused(options.mountPoint, errnoOf(error) ?? String(error), error);
  }
  return { fd, unmount: () => unmountIfThere(options, () => detachMount(options.mountPoint)) };
}

function mountByHelper(options: FuseConnectionOptions): FuseConnection {
  const { mountPoint, source, subtype } = options;
  const words = ['ro', 'nosuid', 'nodev', `fsname=${source}`, `subtype=${subtype}`];
  if (options.allowOther) words.push('allow_other');
  if (options.defaultPermissions) words.push('default_permissions');
  const [ours, theirs] = socketPair();
  try {
    const helper = runHelper(['-o', words.join(','), '--', mountPoint], theirs);
    if (helper.failure !== undefined) throw refused(mountPoint, helper.failure);
    const fd = receiveDescriptor(ours);
    if (fd === undefined) throw refused(mountPoint, `${helper.name} handed over nothing`);
    setNonBlocking(fd);
    const unmount = (): void => {
      const { failure } = runHelper(['-u', '-z', '--', mountPoint]);
      if (failure !== undefined) throw refused(mountPoint, failure);
    };
    return { fd, unmount: () => unmountIfThere(options, unmount) };
  } finally {
    fs.closeSync(ours);
    fs.closeSync(theirs);
  }
}

/** Runs the helper, with a socket to send the descriptor over; `failure` is what it said. */
function runHelper(args: readonly string[], socket?: number): { name: string; failure: string | undefined } {
  for (const name of helpers) {
    const result = spawnSync(name, args, {
      stdio: ['ignore', 'ignore', 'pipe', ...(socket === undefined ? [] : [socket])],
      env: { ...process.env, ...(socket === undefined ? {} : { _FUSE_COMMFD: '3' }) },
      encoding: 'utf8',
      timeout: mountLimits.fusermountTimeoutMs,
    });
    const notStarted = errnoOf(result.error);
    // EACCES is the answer where a folder of the PATH may not be searched.
    if (notStarted === 'ENOENT' || notStarted === 'EACCES') continue;
    const said = typeof result.stderr === 'string' ? result.stderr.trim() : '';
    const failure = result.status === 0 ? undefined : said || (notStarted ?? `${name} failed without a word`);
    return { name, failure };
  }
  throw new HoldfastError('native.unavailable', {
    message: 'Only root may mount by itself, and there is no fusermount3 on the PATH to do it for others.',
    guidance: 'Install the package fuse3, or run the command as root.',
  });
}

function refused(mountPoint: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError('mount.refused', {
    message: `${mountPoint} could not be mounted or unmounted: ${why}.`,
    context: { mountPoint },
    cause,
  });
}

/** Somebody else may have unmounted it, and mounted another thing there. */
function unmountIfThere({ mountPoint, source }: FuseConnectionOptions, unmount: () => void): void {
  if (isMounted({ mountPoint, source })) unmount();
}

/** By /proc/self/mountinfo, since looking at the folder itself would ask the file system that is no longer served. */
function isMounted(what: { readonly mountPoint: string; readonly source: string }): boolean {
  const text = fs.readFileSync('/proc/self/mountinfo', 'latin1');
  return text.split('\n').some((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const place = Buffer.from(before.split(' ')[4] ?? '', 'latin1').toString();
    return unescapeMount(place) === what.mountPoint && after.split(' ')[1] === what.source;
  });
}

/** Space, tab, newline and backslash stand there in octal. */
function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
