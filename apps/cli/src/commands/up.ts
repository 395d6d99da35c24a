import { stat } from 'node:fs/promises';
import { exitStatus, HoldfastError } from '@holdfast/core';
import type { Command } from 'commander';
import { defaultDataDirectory, resolvePath } from '../data-directory.ts';
import { demonstrate } from '../demonstration/demonstrate.ts';
import { isIdentical, summaryText } from '../demonstration/summary.ts';
import { progressView } from '../terminal.ts';
import { type ListeningPort, LocalSystem, roleEnded } from '../up/local-system.ts';
import { readConfiguration } from './configuration.ts';

interface UpOptions {
  readonly data?: string;
  readonly bind: string;
  readonly config?: string;
  readonly demonstrate?: boolean;
  readonly once?: boolean;
  readonly json?: boolean;
}

/** `holdfast up`: server, mover and agent on this computer. */
export function registerUp(program: Command): void {
  program
    .command('up')
    .description('run server, data mover and agent on this computer, enrolled with each other, until Ctrl-C')
    .argument('[folder]', 'with --demonstrate: the folder to protect', '.')
    .option('--data <directory>', `where everything is kept (default: ${defaultDataDirectory()})`)
    .option('--bind <address>', 'address to listen on', '127.0.0.1')
    .option('--config <file>', 'JSON or YAML file; `ports` maps channel ids to other ports or ranges')
    .option('--demonstrate', 'back the folder up, restore it to a scratch folder, and compare every byte and attribute')
    .option('--once', 'with --demonstrate: end after the comparison, with status 0 if nothing differs, else 1')
    .option('--json', 'with --demonstrate: print the result as one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast up                                      server, mover and agent, until Ctrl-C
  $ holdfast up --demonstrate --once /usr/share      protect /usr/share once and prove the restore
  $ npm start -- --once /usr/share                   the same in a checkout`,
    )
    .action(async (folder: string, options: UpOptions) => {
      process.exitCode = await up(folder, options);
    });
}

async function up(folder: string, options: UpOptions): Promise<number> {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => ending.abort(new HoldfastError('run.cancelled', { message: 'Stopped on request.' })));
  }
  const source = options.demonstrate ? await requireFolder(resolvePath(folder)) : '';
  const { ports = {} } = await readConfiguration<{ ports?: Record<string, unknown> }>(options.config);
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const dataDir = resolvePath(options.data ?? defaultDataDirectory());
  await using system = await LocalSystem.start({ dataDir, bind: options.bind, ports, say, signal: ending.signal });
  for (const port of system.listening) if (port.reason !== undefined) say(`Port: ${port.reason}`);
  say(`REST API: ${system.address} (token in ${dataDir}/server/admin-token)`);

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
    if (!options.json) say(checkHint(result.repository, dataDir));
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

function checkHint(repository: { readonly name: string; readonly location: string }, dataDir: string): string {
  const command = process.env['HOLDFAST_COMMAND'] ? 'npm run -s holdfast --' : 'holdfast';
  return [
    'The repository is a plain restic repository. Check it with any restic:',
    `  restic -r ${repository.location} --password-command '${command} repo password ${repository.name} --show --data ${dataDir}' check --read-data`,
  ].join('\n');
}
