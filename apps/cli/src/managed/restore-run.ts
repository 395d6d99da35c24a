import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import type { RestoreCommandOptions } from '../commands/restore.ts';
import { print, printJson } from '../output.ts';
import { splitReference } from '../stand-alone/snapshot-selection.ts';
import type { Work } from '../work.ts';
import { followRun } from './follow-run.ts';
import { chooseComputer, chooseSnapshot } from './names.ts';

/** A restore that the server gives to an agent. */
export async function restoreByServer(
  text: string,
  options: RestoreCommandOptions,
  { signal, view, resources }: Work,
): Promise<ExitStatus> {
  refuseWhatAgentsCannot(options);
  const { reference, path } = splitReference(text);
  const { connectServer } = await import('./server-connection.ts');
  const client = await connectServer(options, resources);
  const { snapshots } = await client.call('snapshots', { query: { limit: 1000 }, signal });
  const { host } = options;
  const snapshot = chooseSnapshot(
    host === undefined ? snapshots : snapshots.filter(({ hostname }) => host.includes(hostname)),
    reference,
  );
  const agent = await chooseComputer(client, { text: options.agent ?? snapshot.agentId, role: 'agent', signal });
  const run = await client.call('createRestore', {
    body: {
      repositoryId: snapshot.repositoryId,
      snapshotId: snapshot.id,
      agentId: agent.id,
      target: options.target,
      ...(path === '/' ? {} : { subfolder: path }),
      include: options.include ?? [],
      overwrite: options.overwrite === 'always',
      ...(options.direction ? { direction: options.direction } : {}),
    },
    signal,
  });
  if (!options.detach) return followRun(run, { client, view, options, signal });
  if (options.json) await printJson({ kind: 'run', run });
  else await print(`${run.id}\n`);
  return exitStatus.success;
}

/** Options that a restore by the server does not know yet, by their names in the command line. */
const onlyWithRepo = {
  includeFile: '--include-file',
  iinclude: '--iinclude',
  iincludeFile: '--iinclude-file',
  exclude: '--exclude',
  excludeFile: '--exclude-file',
  iexclude: '--iexclude',
  iexcludeFile: '--iexclude-file',
  delete: '--delete',
  dryRun: '--dry-run',
  verify: '--verify',
} as const satisfies Partial<Record<keyof RestoreCommandOptions, string>>;

function refuseWhatAgentsCannot(options: RestoreCommandOptions): void {
  const { target, overwrite, tag, path } = options;
  const refuse = (message: string): never => {
    throw new HoldfastError('usage.option', {
      message,
      guidance: 'Leave it out, or restore without the server, with --repo.',
    });
  };
  for (const [name, option] of Object.entries(onlyWithRepo))
    if (options[name as keyof typeof onlyWithRepo] !== undefined)
      refuse(`A restore by the server knows --include, but not ${option}.`);
  if (!options.sync) refuse('A restore by the server always waits until everything is durable.');
  if (overwrite !== undefined && overwrite !== 'refuse' && overwrite !== 'always')
    refuse(`A restore by the server knows --overwrite refuse and always, but not ${overwrite}.`);
  if (tag !== undefined || path !== undefined)
    refuse('A restore by the server finds snapshots by id and --host, not by --tag or --path.');
  if (!/^(\/|[A-Za-z]:[\\/])/.test(target))
    refuse(`The target ${target} is on the agent's computer, so it has to be an absolute path.`);
}
