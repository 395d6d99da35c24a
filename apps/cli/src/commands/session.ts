import { type ExitStatus, exitStatus, HoldfastError, hasCode } from '@holdfast/core';
import type { RestClient, Session } from '@holdfast/protocol';
import type { Command } from 'commander';
import { followSession, sessionText, tasksText } from '../managed/follow-session.ts';
import { addLogOptions, type ShowLogOptions } from '../managed/log-options.ts';
import { chooseJobOrPolicy } from '../managed/names.ts';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { followLog, printLines } from '../managed/run-log-text.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { runsOf } from '../managed/session-runs.ts';
import { wholeNumber } from '../option-values.ts';
import { printJson, printText, shownTime } from '../output.ts';
import { addProgressOption, exitStatusHelp } from '../stand-alone/repository-options.ts';
import { table } from '../terminal.ts';
import { chooseRun } from './run.ts';

interface ListOptions extends ServerOptions {
  readonly job?: string;
  readonly limit: number;
}

interface FollowOptions extends ServerOptions {
  readonly follow?: boolean;
  readonly jsonProgress?: boolean;
}

/** How many sessions are looked through for the beginning of an id. */
const sessionsSearched = 1000;
/** Each is a stream of events, and people read no more at a time. */
const maxFollowedTasks = 16;

/** `holdfast session`: what jobs and people made the fleet do. */
export function registerSession(program: Command): void {
  const sessions = program.command('session').alias('sessions').description('executions of jobs, with their tasks');
  const named = (name: string, description: string): Command =>
    addServerOptions(sessions.command(name).description(description).argument('<id>', 'id, or the beginning of one'));

  addServerOptions(sessions.command('list').description('sessions, newest first'))
    .option('--job <name>', 'only those of this job or policy')
    .option('--limit <n>', 'so many', wholeNumber(1, 1000), 20)
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast session list\n  $ holdfast session list --job homes --json\n${serverHelp}`,
    )
    .action((options: ListOptions) => performWithServer(options, (work) => listSessions(options, work)));

  addProgressOption(named('show', 'a session with its tasks'))
    .option('--follow', 'watch it to its end; the exit status is then that of its tasks')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast session show 6f1c2a34\n  $ holdfast session show 6f1c2a34 --follow\n${serverHelp}\n${exitStatusHelp}`,
    )
    .action((id: string, options: FollowOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const session = await chooseSession(client, { text: id, signal });
        return options.follow
          ? followSession(session, { client, options, signal })
          : show(session, options, { client, signal });
      }),
    );

  addLogOptions(named('log', 'what happened in the tasks of a session, or in one run'))
    .addHelpText(
      'after',
      `\nThe id may also be that of a run, which is one of the tasks.\n\nExamples:\n  $ holdfast session log 6f1c2a34\n  $ holdfast session log 6f1c2a34 --follow --level warning\n${serverHelp}`,
    )
    .action((id: string, options: ServerOptions & ShowLogOptions) =>
      performWithServer(options, async (work) => showLog(id, options, work)),
    );

  named('stop', 'stop a session: its tasks that wait, and those under way')
    .option('--gracefully', 'let tasks that are under way go on to their end')
    .addHelpText('after', `\nExample:\n  $ holdfast session stop 6f1c2a34 --gracefully\n${serverHelp}`)
    .action((id: string, options: ServerOptions & { readonly gracefully?: boolean }) =>
      performWithServer(options, async ({ client, signal }) => {
        const { id: found } = await chooseSession(client, { text: id, signal });
        const how = options.gracefully ? 'gracefully' : 'at-once';
        const session = await client.call('stopSession', { params: { id: found }, body: { how }, signal });
        return show(session, options, { client, signal });
      }),
    );

  named('retry', 'run what of an ended session failed or was cancelled again')
    .addHelpText('after', `\nExample:\n  $ holdfast session retry 6f1c2a34\n${serverHelp}`)
    .action((id: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { id: found } = await chooseSession(client, { text: id, signal });
        const session = await client.call('retrySession', { params: { id: found }, signal });
        return show(session, options, { client, signal });
      }),
    );
}

async function show(
  session: Session,
  options: ServerOptions,
  { client, signal }: Pick<ServerWork, 'client' | 'signal'>,
): Promise<ExitStatus> {
  if (options.json) await printJson({ kind: 'session', session });
  else await printText(await sessionText(session, client, signal));
  return exitStatus.success;
}

async function showLog(
  text: string,
  options: ServerOptions & ShowLogOptions,
  { client, signal }: Pick<ServerWork, 'client' | 'signal'>,
): Promise<ExitStatus> {
  const query = { level: options.level };
  const session = await sessionOrNone(client, { text, signal });
  if (!session) {
    const run = await chooseRun(client, { text, signal });
    if (options.follow) await followLog(run, { client, options, signal });
    else await printLines(await client.list('runLog', { params: { id: run.id }, query, signal }), options);
    return exitStatus.success;
  }
  const computers = await client.list('computers', { signal });
  const hostOf = new Map(computers.map(({ id, hostname }) => [id, hostname]));
  const runs = await runsOf(client, session, signal);
  const agentOf = new Map(runs.map((run) => [run.id, run.agentId]));
  const of = (runId: string): string => {
    const agent = agentOf.get(runId) ?? '';
    return hostOf.get(agent) ?? agent;
  };
  if (!options.follow) {
    await printLines(await client.list('sessionLog', { params: { id: session.id }, query, signal }), options, of);
    return exitStatus.success;
  }
  if (runs.length > maxFollowedTasks)
    throw new HoldfastError('usage.option', {
      message: `Session ${session.id} has ${runs.length} tasks; the logs of ${maxFollowedTasks} at most are followed at once.`,
      guidance: 'Follow one of them: `holdfast session show` has their ids.',
    });
  await Promise.all(runs.map((run) => followLog(run, { client, options, signal, of })));
  return exitStatus.success;
}

/** Undefined when it may be the id of a run. */
async function sessionOrNone(
  client: RestClient,
  wanted: { readonly text: string; readonly signal: AbortSignal },
): Promise<Session | undefined> {
  try {
    return await chooseSession(client, wanted);
  } catch (error) {
    if (hasCode(error, 'request.missing')) return undefined;
    throw error;
  }
}

async function chooseSession(
  client: RestClient,
  { text, signal }: { readonly text: string; readonly signal: AbortSignal },
): Promise<Session> {
  const wanted = text.toLowerCase();
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(wanted))
    return client.call('session', { params: { id: wanted }, signal });
  const { sessions } = await client.call('sessions', { query: { limit: sessionsSearched }, signal });
  const found = sessions.filter(({ id }) => id.startsWith(wanted));
  const [only] = found;
  if (only && found.length === 1) return only;
  throw new HoldfastError(only ? 'usage.option' : 'request.missing', {
    message: only
      ? `${found.length} sessions have ids that begin with ${text}: ${found.map(({ id }) => id).join(', ')}.`
      : `There is no session ${text}.`,
    guidance: only ? 'Give more of the id.' : '`holdfast session list` prints them.',
  });
}

async function listSessions(options: ListOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const job = options.job === undefined ? undefined : await chooseJobOrPolicy(client, { text: options.job, signal });
  const query = { limit: options.limit, ...(job ? { jobId: job.id } : {}) };
  const { sessions } = await client.call('sessions', { query, signal });
  if (options.json) {
    await printJson({ kind: 'sessions', sessions });
    return exitStatus.success;
  }
  const rows = sessions.map((session) => [
    session.id,
    session.jobName ?? session.kind,
    session.trigger,
    session.degraded ? `${session.state}, degraded` : session.state,
    tasksText(session.tasks),
    shownTime(session.createdAt),
    session.endedAt === undefined ? '' : shownTime(session.endedAt),
  ]);
  await printText(table([['Session', 'Of', 'Started by', 'State', 'Tasks', 'Began', 'Ended'], ...rows]));
  return exitStatus.success;
}
