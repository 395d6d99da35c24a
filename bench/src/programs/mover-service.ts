import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { serverStartLimitMs } from '../limits.ts';
import { ProgramFailure } from '../program-failure.ts';
import { baseEnvironment, type Service } from './backup-program.ts';
import { startServer } from './server-process.ts';

export const cliFile = join(import.meta.dirname, '..', '..', '..', 'apps', 'cli', 'src', 'main.mjs');
const repositoryName = 'bench';
const run = promisify(execFile);

/** `holdfast up`: server, mover and agent on this computer, and a grant for a repository behind the mover. */
export async function serveMover(folder: string, signal: AbortSignal): Promise<Service> {
  const home = join(folder, 'home');
  mkdirSync(home, { recursive: true });
  const data = join(folder, 'data');
  const env = { ...baseEnvironment({ home }), HOLDFAST_DATA: data };
  const server = await startServer(
    { file: process.execPath, args: [cliFile, 'up'], env },
    /Running until Ctrl-C\./,
    signal,
  );
  try {
    const holdfast = (...args: readonly string[]) =>
      run(process.execPath, [cliFile, ...args], { env, signal, timeout: serverStartLimitMs });
    await holdfast('repo', 'create', repositoryName);
    const grant = join(folder, 'grant');
    await holdfast('grant', 'create', repositoryName, '--for-restic', '--mode', 'append', '--out', grant);
    const { stdout } = await run('/bin/sh', ['-c', '. "$1"; env', 'sh', join(grant, 'environment')], { env });
    const settings = new Map(
      stdout
        .split('\n')
        .filter((line) => line.startsWith('RESTIC_'))
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    const [address, caFile] = ['RESTIC_REPOSITORY', 'RESTIC_CACERT'].map((name) => settings.get(name));
    if (address === undefined || caFile === undefined) throw new Error('the grant names no repository or certificate');
    const remote = { address, caFile, environment: Object.fromEntries(settings) };
    return {
      remote,
      storage: join(data, 'repositories', 'local', repositoryName),
      pid: server.pid,
      stop: server.stop,
    };
  } catch (error) {
    await server.stop();
    signal.throwIfAborted();
    throw new ProgramFailure(
      'failed',
      `a grant for the mover: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
