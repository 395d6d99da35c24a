import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import type { Overwrite } from '@holdfast/engine';
import { print, printJson } from '../output.ts';
import { patternOf } from '../stand-alone/path-pattern.ts';
import type { SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { splitReference } from '../stand-alone/snapshot-selection.ts';
import type { Work } from '../work.ts';
import { followRun } from './follow-run.ts';
import { chooseComputer, chooseSnapshot } from './names.ts';
import type { ServerOptions } from './server-options.ts';

interface RestoreRunOptions extends ServerOptions, SnapshotFilter {
  readonly target: string;
  readonly include?: string[];
  readonly exclude?: string[];
  readonly overwrite: Overwrite;
  readonly agent?: string;
  readonly detach?: boolean;
  readonly quiet?: boolean | undefined;
  readonly jsonProgress?: boolean | undefined;
}

/** A restore that the server gives to an agent. */
export async function restoreByServer(
  text: string,
  options: RestoreRunOptions,
  { signal, view, resources }: Work,
): Promise<ExitStatus> {
  refuseWhatAgentsCannot(options);
  const { reference, path } = splitReference(text);
  if (path !== '/' && options.include !== undefined) {
    throw new HoldfastError('usage.option', { message: 'A path after the snapshot and --include exclude each other.' });
  }
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
      include: path === '/' ? (options.include ?? []) : [patternOf(path)],
      overwrite: options.overwrite === 'replace',
    },
    signal,
  });
  if (!options.detach) return followRun(run, { client, view, options, signal });
  if (options.json) await printJson({ kind: 'run', run });
  else await print(`${run.id}\n`);
  return exitStatus.success;
}

function refuseWhatAgentsCannot({ target, exclude, overwrite, tag, path }: RestoreRunOptions): void {
  const refuse = (message: string): never => {
    throw new HoldfastError('usage.option', {
      message,
      guidance: 'Leave it out, or restore without the server, with --repo.',
    });
  };
  if (exclude !== undefined) refuse('A restore by the server knows --include, but not --exclude.');
  if (overwrite === 'keep') refuse('A restore by the server knows --overwrite refuse and replace, but not keep.');
  if (tag !== undefined || path !== undefined)
    refuse('A restore by the server finds snapshots by id and --host, not by --tag or --path.');
  if (!/^(\/|[A-Za-z]:[\\/])/.test(target))
    refuse(`The target ${target} is on the agent's computer, so it has to be an absolute path.`);
}
