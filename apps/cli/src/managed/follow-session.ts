import { type ExitStatus, exitStatus, formatBytes, HoldfastError, hasCode, systemClock } from '@holdfast/core';
import type { RestClient, Run, Session } from '@holdfast/protocol';
import { type OutputOptions, printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import { bottleneckOf } from './run-statistics-text.ts';
import { runsOf } from './session-runs.ts';

/** A stream of events that breaks is opened again: the session goes on without us. */
const maxReconnects = 10;
const reconnectPauseMs = 1000;
/** On a terminal it is drawn again in its place; in a file each line tells of a change. */
const maxShownTasks = 20;

interface Following {
  readonly client: RestClient;
  readonly options: OutputOptions;
  readonly signal: AbortSignal;
}

/** Shows a session until it has ended; the exit status is that of its tasks. Ctrl-C leaves it running and says so. */
export async function followSession(started: Session, o: Following): Promise<ExitStatus> {
  const { client, options, signal } = o;
  const isShown = !options.json && !options.quiet;
  if (isShown) process.stderr.write(`Session ${started.id}\n`);
  let last = started;
  try {
    last = await watch(started, o, (session) => {
      if (isShown) drawLine(sessionLine(session));
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new HoldfastError('run.cancelled', {
      message: `No longer watching; session ${started.id} goes on.`,
      guidance: `\`holdfast session show ${started.id} --follow\` watches it again, \`holdfast session stop ${started.id}\` ends it.`,
      cause: error,
    });
  }
  if (isShown && process.stderr.isTTY) process.stderr.write('\n');
  if (options.json) await printJson({ kind: 'session', session: last });
  else if (!options.quiet) await printText(await sessionText(last, client, signal));
  return statusOf(last);
}

function statusOf({ state }: Session): ExitStatus {
  if (state === 'warning') return exitStatus.incomplete;
  if (state === 'cancelled') return exitStatus.cancelled;
  return state === 'failed' ? exitStatus.failed : exitStatus.success;
}

async function watch(
  started: Session,
  { client, signal }: Following,
  show: (session: Session) => void,
): Promise<Session> {
  let last = started;
  for (let failures = 0; last.endedAt === undefined; failures += 1) {
    if (failures > maxReconnects)
      throw new HoldfastError('channel.closed', { message: 'The server ends the stream of events again and again.' });
    if (failures > 0) await systemClock.sleep(reconnectPauseMs, signal);
    try {
      for await (const session of client.events('sessionEvents', { params: { id: started.id }, signal })) {
        last = session;
        failures = 0;
        show(session);
      }
    } catch (error) {
      if (!hasCode(error, 'channel.closed', 'channel.refused', 'channel.timeout', 'channel.unreachable', 'run.timeout'))
        throw error;
    }
  }
  return last;
}

function drawLine(text: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[2K${text}` : `${text}\n`);
}

function sessionLine({ state, tasks, processedBytes }: Session): string {
  return `${state}: ${tasksText(tasks)}, ${formatBytes(processedBytes)}`;
}

export function tasksText(tasks: Session['tasks']): string {
  const all = Object.values(tasks).reduce((sum, count) => sum + count, 0);
  const parts = Object.entries(tasks).filter(([, count]) => count > 0);
  return `${all} ${all === 1 ? 'task' : 'tasks'} (${parts.map(([state, count]) => `${count} ${state}`).join(', ')})`;
}

/** A session with its tasks, for people. */
export async function sessionText(session: Session, client: RestClient, signal: AbortSignal): Promise<string> {
  const [runs, computers] = await Promise.all([runsOf(client, session, signal), client.list('computers', { signal })]);
  const hostOf = new Map(computers.map(({ id, hostname }) => [id, hostname]));
  const lines = [
    `Session ${session.id}: ${session.state}${session.degraded ? ', degraded' : ''}`,
    `  ${session.jobName ?? session.kind}, started by ${session.trigger}, ${shownTime(session.createdAt)}${session.endedAt === undefined ? '' : ` to ${shownTime(session.endedAt)}`}`,
    `  ${tasksText(session.tasks)}, ${formatBytes(session.processedBytes)} seen, ${formatBytes(session.storedBytes)} stored`,
    ...session.notes.map(({ message }) => `  Note: ${message}`),
  ];
  const rows = runs
    .toSorted((a, b) => urgency(a) - urgency(b))
    .slice(0, maxShownTasks)
    .map((run) => [
      hostOf.get(run.agentId) ?? run.agentId,
      run.attempt > 1 ? `${run.state} (attempt ${run.attempt})` : run.state,
      formatBytes(run.result?.kind === 'backup' ? run.result.totalBytes : (run.progress?.bytesDone ?? 0)),
      bottleneckOf(run.progress?.waits),
      run.error?.message ?? run.progress?.phase ?? '',
      run.id,
    ]);
  const more = runs.length - rows.length;
  return `${lines.join('\n')}\n${table([['Computer', 'State', 'Seen', 'Waits for', 'Says', 'Run'], ...rows], { right: [2] })}${more > 0 ? `… and ${more} more: holdfast run list --session ${session.id}\n` : ''}`;
}

/** What somebody must look at comes first. */
function urgency({ state }: Run): number {
  return ['failed', 'running', 'warning', 'cancelled', 'queued', 'succeeded'].indexOf(state);
}
