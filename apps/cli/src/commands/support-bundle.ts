import { type ExitStatus, exitStatus, formatBytes } from '@holdfast/core';
import type { Command } from 'commander';
import { defaultDataDirectory, resolvePath } from '../data-directory.ts';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { printJson, printText } from '../output.ts';
import { perform, type Work } from '../work.ts';

interface SupportBundleOptions extends ServerOptions {
  readonly out?: string;
  readonly anonymise?: boolean;
  readonly local?: boolean;
  readonly serverConfig?: string;
  readonly moverConfig?: string;
  readonly agentConfig?: string;
}

const loadFile = () => import('../support/new-bundle-file.ts');

/** `holdfast support-bundle`: what whoever helps needs to see, and nothing that opens anything. */
export function registerSupportBundle(program: Command): void {
  addServerOptions(
    program
      .command('support-bundle')
      .description('an archive for whoever helps: how things are and were, without secrets'),
  )
    .option('--out <file>', 'a new file, mode 0600 (default: holdfast-support-TIME.tar.gz here)')
    .option('--anonymise', 'with pseudonyms in the place of names of computers, people and jobs, addresses and paths')
    .option(
      '--local',
      'of the roles on this computer, by their data directories, whether they run or not; asks no server',
    )
    .option('--server-config <file>', 'with --local: the configuration file of its server')
    .option('--mover-config <file>', 'with --local: that of its mover')
    .option('--agent-config <file>', 'with --local: that of its agent')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast support-bundle --out bundle.tar.gz
  $ holdfast support-bundle --anonymise
  $ sudo holdfast support-bundle --local --agent-config /etc/holdfast/agent.yaml
  $ tar -xzf bundle.tar.gz -O manifest.json

Look into it before you give it away: manifest.json names every file, what was left out, and why. Passwords, keys and tokens are never
in it; names of computers, jobs and folders are, unless it is anonymised. docs/observability.md says what is replaced then.
A server that does not start any more has its bundle made with --local.
${serverHelp}`,
    )
    .action((options: SupportBundleOptions) =>
      options.local === true
        ? perform(options, (work) => ofThisComputer(options, work))
        : performWithServer(options, (work) => ofServer(options, work)),
    );
}

async function ofServer(options: SupportBundleOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const { newBundleFile } = await loadFile();
  // Asked for before the file is made: it may be refused.
  const { body } = await client.bytes('supportBundle', {
    query: { anonymise: options.anonymise === true ? 'true' : 'false' },
    signal,
  });
  const made = await newBundleFile(options.out, async (sink) => {
    for await (const piece of body) await sink(piece);
  });
  return tell(options, made);
}

async function ofThisComputer(options: SupportBundleOptions, { signal }: Work): Promise<ExitStatus> {
  const [{ newBundleFile }, { makeLocalBundle }] = await Promise.all([
    loadFile(),
    import('../support/local-bundle.ts'),
  ]);
  const { serverConfig: server, moverConfig: mover, agentConfig: agent, anonymise = false } = options;
  const directory = options.data === undefined ? defaultDataDirectory() : resolvePath(options.data);
  const made = await newBundleFile(options.out, async (sink) => {
    const configs = { ...(server && { server }), ...(mover && { mover }), ...(agent && { agent }) };
    await makeLocalBundle({ directory, configs, anonymise, sink, signal });
  });
  return tell(options, made);
}

async function tell(options: SupportBundleOptions, made: { path: string; bytes: number }): Promise<ExitStatus> {
  if (options.json) await printJson({ kind: 'support-bundle', file: made.path, bytes: made.bytes });
  else
    await printText(
      `${made.path}, ${formatBytes(made.bytes)}. Look into it before you give it away: \`tar -xzf ${made.path} -O manifest.json\`.\n`,
    );
  return exitStatus.success;
}
