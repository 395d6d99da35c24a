import { mkdir, rm } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { formatBytes, formatCount, HoldfastError } from '@holdfast/core';
import { parseErrorReport, type Repository, type RestClient, type Run } from '@holdfast/protocol';
import { onlyRunOf } from '../managed/session-runs.ts';
import { type ProgressView, progressText } from '../terminal.ts';
import { compareFolders } from './comparison.ts';
import type { Demonstration } from './summary.ts';

const repositoryName = 'default';

/**
 * Protects one folder the way an administrator would, by the REST API only: a job and its run, a restore into a scratch
 * folder, and then a comparison that the agent has no part in.
 */
export async function demonstrate(options: {
  readonly client: RestClient;
  readonly folder: string;
  /** The data directory of `up`: never part of the backup, also when it lies in the folder. */
  readonly dataDir: string;
  readonly agentId: string;
  readonly moverId: string;
  readonly view: ProgressView;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}): Promise<Demonstration> {
  const { client, folder, dataDir, agentId, view, say, signal } = options;
  const leftOut = new Set(`${dataDir}${sep}`.startsWith(folder === '/' ? folder : `${folder}${sep}`) ? [dataDir] : []);
  if (leftOut.size > 0) say(`Leaving out ${dataDir}: it holds the repository.`);

  const repository = await ensureRepository(client, options.moverId, signal);
  const job = await ensureJob({ client, agentId, repository, folder, excludes: [...leftOut], signal });

  say(`Backing up ${folder} …`);
  const since = new Date();
  const backup = await follow(client, await runOf(client, job, signal), { view, signal });
  if (backup.result?.kind !== 'backup')
    throw new HoldfastError('internal.unexpected', { message: 'The backup gave no snapshot.' });

  const scratch = join(dataDir, 'restored', backup.id);
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  say(`Restoring snapshot ${backup.result.snapshotId.slice(0, 8)} to ${scratch} …`);
  const started = await client.call('createRestore', {
    body: { repositoryId: repository.id, snapshotId: backup.result.snapshotId, agentId, target: scratch },
    signal,
  });
  const restore = await follow(client, started, { view, signal });

  say('Comparing every byte and every attribute …');
  const startedMs = performance.now();
  const unread = backup.problems.map((problem) => problem.context['path']).filter((path) => typeof path === 'string');
  const comparison = await compareFolders({
    source: folder,
    restored: join(scratch, folder),
    leftOut: new Set([...leftOut, ...unread]),
    since,
    signal,
    onProgress: ({ files, bytes }) => view.update(`Comparing  ${formatCount(files)} files  ${formatBytes(bytes)}`),
  });
  view.done();
  const comparisonMs = performance.now() - startedMs;
  if (comparison.differenceCount === 0) await rm(scratch, { recursive: true, force: true });
  else say(`The restored folder is kept for a look: ${scratch}`);

  const { processes } = await client.call('channelUse', { signal });
  return { folder, backup, restore, comparison, comparisonMs, repository, channelUse: processes };
}

async function ensureRepository(client: RestClient, moverId: string, signal: AbortSignal): Promise<Repository> {
  const repositories = await client.list('repositories', { signal });
  const existing = repositories.find(({ name }) => name === repositoryName);
  return existing ?? client.call('createRepository', { body: { name: repositoryName, moverId }, signal });
}

async function ensureJob(options: {
  readonly client: RestClient;
  readonly agentId: string;
  readonly repository: Repository;
  readonly folder: string;
  readonly excludes: string[];
  readonly signal: AbortSignal;
}): Promise<string> {
  const { client, agentId, repository, folder, excludes, signal } = options;
  const name = `Folder ${folder}`.slice(0, 200);
  const jobs = await client.list('jobs', { signal });
  const same = jobs.find(
    (job) =>
      job.computers.join() === agentId &&
      job.target.kind === 'shared' &&
      job.target.repositoryId === repository.id &&
      job.scope.kind === 'folders' &&
      job.scope.paths.join('\n') === folder &&
      job.excludes.join('\n') === excludes.join('\n'),
  );
  if (same) return same.id;
  const job = await client.call('createJob', {
    body: {
      name,
      computers: [agentId],
      target: { kind: 'shared', repositoryId: repository.id },
      scope: { kind: 'folders', paths: [folder] },
      excludes,
      retries: { count: 0 },
    },
    signal,
  });
  return job.id;
}

/** Runs the job; the one task of it. */
async function runOf(client: RestClient, jobId: string, signal: AbortSignal): Promise<Run> {
  const session = await client.call('runJob', { params: { id: jobId }, body: {}, signal });
  return onlyRunOf(client, session, signal);
}

/** Watches a run to its end. Throws what made it fail. */
async function follow(
  client: RestClient,
  started: Run,
  options: { readonly view: ProgressView; readonly signal: AbortSignal },
): Promise<Run> {
  const { view, signal } = options;
  const startedMs = performance.now();
  let last = started;
  for await (const run of client.events('runEvents', { params: { id: started.id }, signal })) {
    last = run;
    if (run.progress) view.update(progressText(run.progress, performance.now() - startedMs));
  }
  view.done();
  if (last.state === 'succeeded' || last.state === 'warning') return last;
  throw (
    (last.error && parseErrorReport(last.error)) ??
    new HoldfastError('internal.unexpected', { message: `The ${last.kind} ended as ${last.state}.` })
  );
}
