import { execFile } from 'node:child_process';
import { HoldfastError } from '@holdfast/core';
import { limits } from '../limits.ts';

/** Runs a program of the system, without a shell, and gives what it printed. */
export type RunTool = (program: string, args: readonly string[], signal?: AbortSignal) => Promise<string>;

/** @throws backup.volume with what the program said, run.cancelled */
export const runTool: RunTool = (program, args, signal) =>
  new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      {
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
        timeout: limits.volumeToolTimeoutMs,
        maxBuffer: limits.volumeToolMaxBytes,
        signal,
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        if (signal?.aborted) return reject(signal.reason);
        const said = stderr.trim().split('\n').at(-1) || error.message;
        reject(
          new HoldfastError('backup.volume', {
            message: `${program} ${args[0] ?? ''} failed: ${said}`,
            cause: error,
          }),
        );
      },
    );
  });
