import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { exitStatus, HoldfastError } from '@holdfast/core';
import { writeFileDurably } from '@holdfast/protocol';
import { z } from 'zod';
import { defaultDataDirectory, resolvePath } from '../data-directory.ts';
import { demonstrate } from '../demonstration/demonstrate.ts';
import { isIdentical, summaryText } from '../demonstration/summary.ts';
import { setUpText } from '../managed/set-up-text.ts';
import { checkedConfiguration } from '../roles/configuration.ts';
import { progressView } from '../terminal.ts';
import { type ListeningPort, LocalSystem, roleEnded } from './local-system.ts';

export interface UpOptions {
  readonly data?: string;
  readonly bind: string;
  readonly config?: string;
  readonly demonstrate?: boolean;
  readonly once?: boolean;
  readonly json?: boolean;
}

/** The roles check the ports themselves. */
const upConfigSchema = z.strictObject({
  /** Channel id to port or range, where they are not the contract's; for all three roles. */
  ports: z.record(z.string(), z.unknown()).default({}),
});

/** Runs server, mover and agent until a signal, or until the demonstration is over. Gives the exit status. */
export async function up(folder: string, options: UpOptions): Promise<number> {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => ending.abort(new HoldfastError('run.cancelled', { message: 'Stopped on request.' })));
  }
  const source = options.demonstrate ? await requireFolder(resolvePath(folder)) : '';
  const { ports } = await checkedConfiguration(upConfigSchema, options.config);
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const dataDir = resolvePath(options.data ?? defaultDataDirectory());
  await using system = await LocalSystem.start({ dataDir, bind: options.bind, ports, say, signal: ending.signal });
  for (const port of system.listening) if (port.reason !== undefined) say(`Port: ${port.reason}`);
  say(`REST API: ${system.address} (token in ${dataDir}/server/admin-token)`);

  const { setUpNeeded } = await system.client.call('console', { signal: ending.signal });
  if (setUpNeeded) say(setUpText(await system.client.call('createSetUpCode', { signal: ending.signal })));
  const { recoveryKit } = await system.client.call('status', { signal: ending.signal });
  if (recoveryKit === 'none')
    say('There is no recovery kit yet: make one with `holdfast recovery-kit create`, and print it.');

  let status: number = exitStatus.success;
  if (options.demonstrate) {
    const view = progressView({ quiet: false });
    const result = await demonstrate({
      client: system.client,
      folder: source,
      dataDir,
      agentId: system.agent.id,
      moverId: system.mover.id,
      view,
      say,
      signal: ending.signal,
    });
    status = isIdentical(result) ? exitStatus.success : exitStatus.failed;
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ ...result, listening: system.listening })}\n`
        : `\n${summaryText(result)}\n${listeningText(system.listening)}`,
    );
    const passwordFile = await writePassword(system, result.repository.id, dataDir);
    if (!options.json) {
      say('The repository is a plain restic repository. Check it with any restic:');
      say(`  restic -r ${result.repository.location} --password-file ${passwordFile} check --read-data`);
    }
    if (options.once) return status;
  }
  say('Running until Ctrl-C.');
  const stopped = new Promise<undefined>((resolve) =>
    ending.signal.addEventListener('abort', () => resolve(undefined), { once: true }),
  );
  const ended = await Promise.race([stopped, ...system.processes.map((role) => role.ended.then(() => role))]);
  if (ended && !ending.signal.aborted) throw roleEnded(ended);
  say('Shutting down …');
  return status;
}

async function requireFolder(path: string): Promise<string> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new HoldfastError('usage.option', {
      message: `${path} cannot be read.`,
      guidance: 'Name a folder that exists.',
      cause,
    });
  });
  if (found.isDirectory()) return path;
  throw new HoldfastError('usage.option', { message: `${path} is no folder.`, guidance: 'Name a folder.' });
}

function listeningText(listening: readonly ListeningPort[]): string {
  const ports = [...new Set(listening.map(({ host, port }) => `${host}:${port}`))];
  return `  Listening on ${ports.join(', ')}\n`;
}

/**
 * Puts the repository's password beside it, so that any restic can check the result when nothing of ours runs any more. The
 * data directory of `up` holds the master key of the server's vault as well: nobody can read the one without the other.
 */
async function writePassword(system: LocalSystem, repositoryId: string, dataDir: string): Promise<string> {
  const { password } = await system.client.call('repositoryPassword', { params: { id: repositoryId } });
  const file = join(dataDir, 'repository-password');
  await writeFileDurably(file, `${password}\n`);
  return file;
}
