import { formatDuration, HoldfastError, systemClock, toHoldfastError, withoutControl } from '@holdfast/core';
import { OutputTail, runScript } from '@holdfast/engine/scripts';
import type { BackupTask, ScriptReport, TaskContext } from '@holdfast/protocol';
import { maxScriptOutputBytes } from '../limits.ts';
import { trustedScript } from './trusted-script.ts';

type Scripts = NonNullable<BackupTask['scripts']>;
type When = ScriptReport['when'];
type Variables = Readonly<Record<string, string>>;

/**
 * Runs a backup between its scripts. The second one runs whenever the first one was begun, or the backup was: also when either
 * failed or was stopped, because it undoes what the first one did. Both are looked at before: nothing is begun that could not be
 * undone. A stop ends the script that is running; one that is to run after it has all its time.
 * @throws what the backup throws; script.refused, backup.script, of the first script, unless that is to be a warning
 */
export async function aroundBackup<Summary extends { readonly snapshotId: string; readonly complete: boolean }>(
  o: {
    readonly task: Pick<BackupTask, 'scripts' | 'access'>;
    readonly context: Pick<TaskContext, 'signal' | 'problem' | 'log'>;
    /** Where this computer's scripts are; undefined where its configuration allows none. */
    readonly folder: string | undefined;
  },
  backup: () => Promise<Summary>,
): Promise<{ readonly summary: Summary; readonly reports: ScriptReport[] }> {
  const { scripts, access } = o.task;
  const reports: ScriptReport[] = [];
  if (!scripts) return { summary: await backup(), reports };
  const { context, folder } = o;
  const failed = (error: unknown): void => {
    context.signal.throwIfAborted();
    if (scripts.preFailure === 'fail') throw error;
    context.problem(toHoldfastError(error));
  };
  const paths = await findScripts(scripts, folder).catch((error: unknown) => {
    failed(error);
    return new Map<When, string>();
  });
  const run = async (when: When, variables: Variables, signal?: AbortSignal): Promise<void> => {
    const path = paths.get(when);
    if (path === undefined) return;
    context.log('info', `Runs ${path} ${when} the backup`);
    const told = { ...variablesOf(scripts, when), HOLDFAST_REPOSITORY: access.repository, ...variables };
    const timeoutMs = scripts.timeoutSeconds * 1000;
    const report = await runOne({ when, path, folder, timeoutMs, variables: told }, signal);
    const printed = report.output === '' ? 'nothing' : report.output;
    context.log('info', `${path} ended well after ${formatDuration(report.durationMs)}; it printed: ${printed}`);
    reports.push(report);
  };
  const after = async (variables: Variables): Promise<void> => {
    try {
      await run('after', variables, context.signal.aborted ? undefined : context.signal);
    } catch (error) {
      context.problem(toHoldfastError(error));
    }
  };
  let summary: Summary;
  try {
    await run('before', {}, context.signal).catch(failed);
    summary = await backup();
  } catch (error) {
    await after({ HOLDFAST_BACKUP_STATUS: 'failed', HOLDFAST_ERROR_CODE: toHoldfastError(error).code });
    throw error;
  }
  await after({
    HOLDFAST_BACKUP_STATUS: summary.complete ? 'complete' : 'incomplete',
    HOLDFAST_SNAPSHOT_ID: summary.snapshotId,
  });
  return { summary, reports };
}

async function findScripts({ pre, post }: Scripts, folder: string | undefined): Promise<ReadonlyMap<When, string>> {
  if (folder === undefined)
    throw new HoldfastError('script.refused', {
      message: 'The job has scripts, and the configuration of this computer allows none.',
      guidance:
        'Where they shall run, set `scripts: {folder: /etc/holdfast/scripts}` in agent.yaml of that computer and restart its agent.',
    });
  const paths = new Map<When, string>();
  if (pre !== undefined) paths.set('before', await trustedScript({ folder, name: pre }));
  if (post !== undefined) paths.set('after', await trustedScript({ folder, name: post }));
  return paths;
}

function variablesOf({ job }: Scripts, when: When): Variables {
  return {
    HOLDFAST_SCRIPT: when === 'before' ? 'pre' : 'post',
    HOLDFAST_JOB_ID: job.id,
    // A name may hold what no variable can.
    HOLDFAST_JOB_NAME: withoutControl(job.name),
    ...(job.session === undefined ? {} : { HOLDFAST_SESSION_ID: job.session }),
  };
}

async function runOne(
  o: {
    readonly when: When;
    readonly path: string;
    readonly folder: string | undefined;
    readonly timeoutMs: number;
    readonly variables: Variables;
  },
  signal: AbortSignal | undefined,
): Promise<ScriptReport> {
  const { when, path } = o;
  const startedMs = systemClock.monotonicMs();
  const output = new OutputTail(maxScriptOutputBytes);
  try {
    const onOutput = (piece: Buffer): void => output.add(piece);
    await runScript({ ...o, what: `The script ${when} the backup`, onOutput }, signal);
  } catch (error) {
    throw withOutput(toHoldfastError(error), output.text);
  }
  return { when, path, durationMs: Math.round(systemClock.monotonicMs() - startedMs), output: output.text };
}

function withOutput(error: HoldfastError, output: string): HoldfastError {
  if (error.code !== 'backup.script') return error;
  return new HoldfastError(error.code, {
    message: `${error.message} It printed ${output === '' ? 'nothing' : `at the end:\n${output}`}`,
    guidance: "Run it by itself to see why; the job's --script-timeout gives it more time.",
    cause: error,
  });
}
