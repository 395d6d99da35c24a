import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ProgramFailure } from '../program-failure.ts';
import type { Service } from './backup-program.ts';
import { startHoldfast } from './running-holdfast.ts';

const repositoryName = 'bench';
const run = promisify(execFile);

/** Server, mover and agent on this computer, and a grant for a repository behind the mover. */
export async function serveMover(folder: string, signal: AbortSignal): Promise<Service> {
  const { data, env, pid, stop, holdfast } = await startHoldfast(folder, signal);
  try {
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
      pid,
      stop,
    };
  } catch (error) {
    await stop();
    signal.throwIfAborted();
    throw new ProgramFailure(
      'failed',
      `a grant for the mover: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
