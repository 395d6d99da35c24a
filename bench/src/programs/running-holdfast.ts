import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { serverStartLimitMs } from '../limits.ts';
import { baseEnvironment } from './backup-program.ts';
import { startServer } from './server-process.ts';

export const cliFile = join(import.meta.dirname, '..', '..', '..', 'apps', 'cli', 'src', 'main.mjs');
const run = promisify(execFile);

/** Server, mover and agent on this computer, each a process of its own. */
export interface RunningHoldfast {
  /** Its data directory. */
  readonly data: string;
  /** Of its commands, and of nothing that whoever runs the benchmark has set. */
  readonly env: Readonly<Record<string, string>>;
  /** The process that was started; its descendants belong to it. */
  readonly pid: number;
  /** Runs a command of Holdfast with it. */
  holdfast(...args: readonly string[]): Promise<{ readonly stdout: string }>;
  stop(): Promise<void>;
}

/** `holdfast up`, everything below `folder`. */
export async function startHoldfast(folder: string, signal: AbortSignal): Promise<RunningHoldfast> {
  const home = join(folder, 'home');
  mkdirSync(home, { recursive: true });
  const data = join(folder, 'data');
  const env = { ...baseEnvironment({ home }), HOLDFAST_DATA: data };
  const command = { file: process.execPath, args: [cliFile, 'up'], env };
  const { pid, stop } = await startServer(command, /Running until Ctrl-C\./, signal);
  return {
    ...{ data, env, pid, stop },
    holdfast: (...args) => run(process.execPath, [cliFile, ...args], { env, signal, timeout: serverStartLimitMs }),
  };
}
