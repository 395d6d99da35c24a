import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import type { RestoreCommandOptions } from '../commands/restore.ts';
import { print, printJson } from '../output.ts';
import { readPatternFiles } from '../stand-alone/pattern-files.ts';
import { splitReference } from '../stand-alone/snapshot-selection.ts';
import type { Work } from '../work.ts';
import { followRun } from './follow-run.ts';
import { chooseComputer } from './names.ts';
import { serverSnapshot } from './server-snapshots.ts';

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
  const snapshot = await serverSnapshot(client, { reference, filter: options, signal });
  const agent = await chooseComputer(client, { text: options.agent ?? snapshot.agentId, role: 'agent', signal });
  const run = await client.call('createRestore', {
    body: {
      repositoryId: snapshot.repositoryId,
      snapshotId: snapshot.id,
      agentId: agent.id,
      target: options.target,
      ...(path === '/' ? {} : { subfolder: path }),
      include: [...(options.include ?? []), ...(await readPatternFiles(options.includeFile))],
      exclude: [...(options.exclude ?? []), ...(await readPatternFiles(options.excludeFile))],
      includeAnyCase: [...(options.iinclude ?? []), ...(await readPatternFiles(options.iincludeFile))],
      excludeAnyCase: [...(options.iexclude ?? []), ...(await readPatternFiles(options.iexcludeFile))],
      // Whoever asks what would be done wants to hear of what is in the way.
      overwrite: options.overwrite ?? (options.dryRun ? 'always' : 'refuse'),
      ...(options.dryRun ? { dryRun: true } : {}),
      ...(options.verify ? { verify: true } : {}),
      ...(options.delete ? { deletes: true } : {}),
      ...(options.ownershipByName ? { ownersByName: true } : {}),
      ...(options.includeXattr ? { includeXattrs: options.includeXattr } : {}),
      ...(options.excludeXattr ? { excludeXattrs: options.excludeXattr } : {}),
      ...(options.direction ? { direction: options.direction } : {}),
    },
    signal,
  });
  if (!options.detach) return followRun(run, { client, view, options, signal });
  if (options.json) await printJson({ kind: 'run', run });
  else await print(`${run.id}\n`);
  return exitStatus.success;
}

function refuseWhatAgentsCannot(options: RestoreCommandOptions): void {
  const { target } = options;
  const refuse = (message: string): never => {
    throw new HoldfastError('usage.option', {
      message,
      guidance: 'Leave it out, or restore without the server, with --repo.',
    });
  };
  if (!options.sync) refuse('A restore by the server always waits until everything is durable.');
  if (!/^(\/|[A-Za-z]:[\\/])/.test(target))
    refuse(`The target ${target} is on the agent's computer, so it has to be an absolute path.`);
}
