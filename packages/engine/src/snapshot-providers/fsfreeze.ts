import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { limits } from '../limits.ts';
import type { SnapshotProvider } from './snapshot-provider.ts';

/**
 * Holds a file system still while it is read: whoever writes to it waits. For file systems without snapshots, and for those
 * that few write to. A guard process thaws it when this one ends in whatever way, and after a limit of time.
 */
export function fsfreeze(o: { readonly busyPaths: readonly string[]; readonly limitMs?: number }): SnapshotProvider {
  const limitMs = o.limitMs ?? limits.freezeMaxMs;
  return {
    name: 'fsfreeze',
    automatic: false,
    unfit: async ({ mountPoint }) => {
      if (mountPoint === '/') return 'the root must not be frozen: the computer would stand still';
      const device = statSync(mountPoint).dev;
      const own = [process.cwd(), tmpdir(), homedir(), process.execPath, import.meta.filename, ...o.busyPaths];
      const busy = own.find((path) => deviceOf(path) === device);
      if (busy !== undefined) return `${busy}, which this command needs, lies on it`;
      const output = [1, 2].find((fd) => fstatSync(fd).isFile() && fstatSync(fd).dev === device);
      return output === undefined ? undefined : 'the output of this command goes to a file on it';
    },
    // The guard leaves nothing.
    removeLeftovers: async () => 0,
    create: async ({ mountPoint }, { run, signal }) => {
      const guard = await startGuard(mountPoint, limitMs);
      try {
        await run('fsfreeze', ['--freeze', mountPoint], signal);
      } catch (error) {
        await dismiss(guard);
        throw error;
      }
      return {
        readFrom: mountPoint,
        leftOut: [],
        remove: async () => {
          const tooLate = guard.exitCode !== null;
          await dismiss(guard);
          if (tooLate)
            throw new HoldfastError('backup.volume', {
              message: `${mountPoint} was thawed before the backup was done, after ${limitMs / 1000} seconds: what was read later may not fit what was read before.`,
              guidance: 'Use a provider that makes snapshots, or back up less at once.',
            });
        },
      };
    },
  };
}

async function startGuard(mountPoint: string, limitMs: number): Promise<ChildProcess> {
  const guard = spawn(
    process.execPath,
    [new URL('./thaw-guard.ts', import.meta.url).pathname, mountPoint, String(limitMs)],
    {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      cwd: '/',
    },
  );
  const ready = guard.stdout === null ? undefined : once(guard.stdout, 'data');
  const ended = once(guard, 'exit').then(() => undefined);
  if ((await Promise.race([ready, ended])) === undefined)
    throw new HoldfastError('backup.volume', { message: `The guard that thaws ${mountPoint} did not start.` });
  return guard;
}

/** Closing its input makes it thaw and end. */
async function dismiss(guard: ChildProcess): Promise<void> {
  if (guard.exitCode !== null || guard.signalCode !== null) return;
  const ended = once(guard, 'exit', { signal: AbortSignal.timeout(limits.volumeToolTimeoutMs) });
  guard.stdin?.end();
  await ended;
}

function deviceOf(path: string): number | undefined {
  try {
    return statSync(path).dev;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
