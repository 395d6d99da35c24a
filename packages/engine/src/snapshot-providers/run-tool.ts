import { execFile } from 'node:child_process';
import { HoldfastError } from '@holdfast/core';
import { limits } from '../limits.ts';

/** Runs a program of the system, without a shell, and gives what it printed. `variables` are added to its environment. */
export type RunTool = (
  program: string,
  args: readonly string[],
  signal?: AbortSignal,
  variables?: Readonly<Record<string, string>>,
) => Promise<string>;

/** No one else's programs or language; Windows programs don't start without the folder of the system. */
const environment =
  process.platform === 'win32'
    ? { SystemRoot: process.env['SystemRoot'], PATH: process.env['PATH'], TEMP: process.env['TEMP'] }
    : { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/** @throws backup.volume with what the program said, run.cancelled */
export const runTool: RunTool = (program, args, signal, variables) =>
  new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      {
        env: { ...environment, ...variables },
        windowsHide: true,
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
