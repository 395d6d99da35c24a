import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import type { RestClient, Run } from '@holdfast/protocol';
import type { Command } from 'commander';
import { followRun, runText } from '../managed/follow-run.ts';
import { addLogOptions, type ShowLogOptions } from '../managed/log-options.ts';
import { chooseJobOrPolicy, jobsAndPolicies } from '../managed/names.ts';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { followLog, printLines } from '../managed/run-log-text.ts';
import { statisticsOf } from '../managed/run-statistics-text.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { wholeNumber } from '../option-values.ts';
import { printJson, printText, shownTime } from '../output.ts';
import { addProgressOption } from '../stand-alone/repository-options.ts';
import { table } from '../terminal.ts';

interface ListRunsOptions extends ServerOptions {
  readonly job?: string;
  readonly session?: string;
  readonly limit: number;
}

interface ShowRunOptions extends ServerOptions {
  readonly follow?: boolean;
  readonly jsonProgress?: boolean;
}

/** How many runs are looked through for the beginning of an id. */
const runsSearched = 1000;

/** `holdfast run`: what jobs and restores of the server did and do. */
export function registerRun(program: Command): void {
  const runs = program.command('run').description('runs of jobs and restores by the server');

  addServerOptions(runs.command('list').description('runs, newest first'))
    .option('--job <name>', 'only the runs of this job or policy')
    .option('--session <id>', 'only the tasks of this session')
    .option('--limit <n>', 'so many', wholeNumber(1, 1000), 20)
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast run list\n  $ holdfast run list --job homes --limit 5 --json\n${serverHelp}`,
    )
    .action((options: ListRunsOptions) => performWithServer(options, (work) => listRuns(options, work)));

  addProgressOption(
    addServerOptions(
      runs
        .command('show')
        .description('one run with its numbers and problems')
        .argument('<id>', 'id, or the beginning of one'),
    ),
  )
    .option('--follow', 'watch it to its end; the exit status is then that of the run')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast run show 6f1c2a34\n  $ holdfast run show 6f1c2a34 --follow\n${serverHelp}`,
    )
    .action((id: string, options: ShowRunOptions) =>
      performWithServer(options, async ({ client, view, signal }) => {
        const run = await chooseRun(client, { text: id, signal });
        if (options.follow) return followRun(run, { client, view, options, signal });
        const statistics = await statisticsOf(client, run, signal);
        if (options.json) await printJson({ kind: 'run', run, statistics });
        else await printText(runText(run, statistics));
        return exitStatus.success;
      }),
    );

  addLogOptions(
    addServerOptions(
      runs
        .command('log')
        .description('what happened in a run, told by all who worked on it')
        .argument('<id>', 'id, or the beginning of one'),
    ),
  )
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast run log 6f1c2a34\n  $ holdfast run log 6f1c2a34 --follow --level warning\n${serverHelp}`,
    )
    .action((id: string, options: ServerOptions & ShowLogOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const run = await chooseRun(client, { text: id, signal });
        if (options.follow) await followLog(run, { client, options, signal });
        else {
          const query = { level: options.level };
          await printLines(await client.list('runLog', { params: { id: run.id }, query, signal }), options);
        }
        return exitStatus.success;
      }),
    );

  addServerOptions(
    runs
      .command('cancel')
      .description('cancel a run; nothing half-done is kept as a snapshot')
      .argument('<id>', 'id, or the beginning of one'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast run cancel 6f1c2a34\n${serverHelp}`)
    .action((id: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const found = await chooseRun(client, { text: id, signal });
        const run = await client.call('cancelRun', { params: { id: found.id }, signal });
        if (options.json) await printJson({ kind: 'run', run });
        else
          await printText(
            `Run ${run.id} is ${run.state === 'cancelled' ? 'cancelled' : `being cancelled (${run.state} now)`}.\n`,
          );
        return exitStatus.success;
      }),
    );
}

export async function chooseRun(
  client: RestClient,
  { text, signal }: { readonly text: string; readonly signal: AbortSignal },
): Promise<Run> {
  const wanted = text.toLowerCase();
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(wanted))
    return client.call('run', { params: { id: wanted }, signal });
  const { runs } = await client.call('runs', { query: { limit: runsSearched }, signal });
  const found = runs.filter(({ id }) => id.startsWith(wanted));
  const [only] = found;
  if (only && found.length === 1) return only;
  throw new HoldfastError(only ? 'usage.option' : 'request.missing', {
    message: only
      ? `${found.length} runs have ids that begin with ${text}: ${found.map(({ id }) => id).join(', ')}.`
      : `There is no run ${text}.`,
    guidance: only ? 'Give more of the id.' : '`holdfast run list` prints them.',
  });
}

async function listRuns(options: ListRunsOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const job = options.job === undefined ? undefined : await chooseJobOrPolicy(client, { text: options.job, signal });
  const [{ runs }, jobs, computers] = await Promise.all([
    client.call('runs', {
      query: {
        limit: options.limit,
        ...(job ? { jobId: job.id } : {}),
        ...(options.session === undefined ? {} : { sessionId: options.session }),
      },
      signal,
    }),
    jobsAndPolicies(client, signal),
    client.list('computers', { signal }),
  ]);
  if (options.json) {
    await printJson({ kind: 'runs', runs });
    return exitStatus.success;
  }
  const jobName = new Map(jobs.map(({ id, name }) => [id, name]));
  const hostOf = new Map(computers.map(({ id, hostname }) => [id, hostname]));
  const rows = runs.map((run) => [
    run.id,
    run.kind,
    (run.jobId === undefined ? undefined : jobName.get(run.jobId)) ?? '',
    hostOf.get(run.agentId) ?? run.agentId,
    run.degradations.length > 0 ? `${run.state}, degraded` : run.state,
    shownTime(run.startedAt ?? run.queuedAt),
    run.problemCount === 0 ? '' : String(run.problemCount),
  ]);
  await printText(table([['Run', 'Kind', 'Job', 'Agent', 'State', 'Started', 'Problems'], ...rows], { right: [6] }));
  return exitStatus.success;
}
