import { type ExitStatus, exitStatus } from '@holdfast/core';
import type { Job, JobSettings } from '@holdfast/protocol';
import type { Command } from 'commander';
import { followRun } from '../managed/follow-run.ts';
import { followSession } from '../managed/follow-session.ts';
import { addJobOptions, type JobOptions, settingsFrom } from '../managed/job-options.ts';
import { jobsTable, jobText } from '../managed/job-text.ts';
import { chooseComputer, chooseJob } from '../managed/names.ts';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { scheduleHelp } from '../managed/schedule-text.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { runsOf } from '../managed/session-runs.ts';
import { collect } from '../option-values.ts';
import { printJson, printText } from '../output.ts';
import { addProgressOption, exitStatusHelp } from '../stand-alone/repository-options.ts';

interface RunJobOptions extends ServerOptions {
  readonly agent?: string[];
  readonly detach?: boolean;
  readonly quiet?: boolean;
  readonly jsonProgress?: boolean;
}

interface ChangeJobOptions extends JobOptions {
  readonly name?: string;
  readonly path?: string[];
}

/** `holdfast job`: backups that the server runs. */
export function registerJob(program: Command): void {
  const jobs = program.command('job').alias('jobs').description('backup jobs that the server runs');
  registerDefinitions(jobs);
  registerRun(jobs);
}

function registerDefinitions(commands: Command): void {
  const of = (name: string, description: string): Command =>
    addServerOptions(commands.command(name).description(description));
  const named = (name: string, description: string): Command =>
    of(name, description).argument('<name>', `name or id of the job`);

  addJobOptions(
    of('create', `define a job: what of which computers goes where, and when`)
      .argument('<name>', 'how you want to call it')
      .argument('<paths...>', 'absolute paths on the computers'),
  )
    .addHelpText('after', `\n${createExamples}\n\n${scheduleHelp}\n${serverHelp}`)
    .action((name: string, paths: string[], options: JobOptions) =>
      performWithServer(options, (work) => createJob({ name, paths }, options, work)),
    );

  addJobOptions(named('change', `change a job; what no option names stays as it is`))
    .option('--name <name>', 'another name')
    .option('--path <path>', 'other paths; may be repeated', collect)
    .addHelpText(
      'after',
      `\nExample:\n  $ holdfast job change homes --schedule 'daily 22:00'\n\n${scheduleHelp}\n${serverHelp}`,
    )
    .action((name: string, options: ChangeJobOptions) =>
      performWithServer(options, (work) => changeJob(name, options, work)),
    );

  of('list', 'all jobs')
    .addHelpText('after', `\nExample:\n  $ holdfast job list\n${serverHelp}`)
    .action((options: ServerOptions) => performWithServer(options, (work) => listJobs(options, work)));

  named('show', 'all of a job')
    .addHelpText('after', `\nExample:\n  $ holdfast job show homes\n${serverHelp}`)
    .action((name: string, options: ServerOptions) =>
      performWithServer(options, async (work) =>
        printJob(await chooseJob(work.client, { text: name, signal: work.signal }), options, work),
      ),
    );

  for (const [name, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const)
    named(name, enabled ? `let a job run by its schedule` : `let a job run no more by its schedule`)
      .addHelpText('after', `\nExample:\n  $ holdfast job ${name} homes\n${serverHelp}`)
      .action((text: string, options: ServerOptions) =>
        performWithServer(options, async (work) => {
          const job = await chooseJob(work.client, { text, signal: work.signal });
          return putJob(job, { enabled }, options, work);
        }),
      );

  named('delete', `delete a job; its sessions and snapshots stay`)
    .addHelpText('after', `\nExample:\n  $ holdfast job delete homes\n${serverHelp}`)
    .action((name: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const job = await chooseJob(client, { text: name, signal });
        await client.call('deleteJob', { params: { id: job.id }, signal });
        if (options.json) await printJson({ kind: 'job-deleted', job });
        else await printText(`Job ${job.name} is deleted; its sessions and snapshots stay.\n`);
        return exitStatus.success;
      }),
    );
}

const createExamples = `Examples:
  $ holdfast job create homes /home --agent web1 --repository laptops
  $ holdfast job create servers / --group servers --mover store --schedule 'daily 21:00' --keep-days 30
  $ holdfast job create all / --agent web1 --repository laptops -x -e '*.tmp'`;

function registerRun(jobs: Command): void {
  addProgressOption(
    addServerOptions(
      jobs
        .command('run')
        .description('run a job now and watch it to its end')
        .argument('<name>', 'name or id of the job'),
    ),
  )
    .option('--agent <name>', 'only on this computer of the job; may be repeated', collect)
    .option('--detach', 'print the id of the session (of the run, if it is the only one) and do not wait for its end')
    .option('-q, --quiet', 'no progress and no summary')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast job run homes\n  $ holdfast job run servers --agent web1 --json\n\nCtrl-C only stops watching: the run goes on, and \`holdfast session stop\` ends it.\n${serverHelp}\n${exitStatusHelp}`,
    )
    .action((name: string, options: RunJobOptions) =>
      performWithServer(options, async ({ client, view, signal }) => {
        const job = await chooseJob(client, { text: name, signal });
        const chosen = options.agent?.map((text) => chooseComputer(client, { text, role: 'agent', signal }));
        const computers = chosen && (await Promise.all(chosen)).map(({ id }) => id);
        const body = computers ? { computers } : {};
        const session = await client.call('runJob', { params: { id: job.id }, body, signal });
        const [run, another] = await runsOf(client, session, signal);
        const only = another ? undefined : run;
        if (options.detach) {
          if (options.json) await printJson(only ? { kind: 'run', run: only, session } : { kind: 'session', session });
          else await printText(`${only?.id ?? session.id}\n`);
          return exitStatus.success;
        }
        if (only) return followRun(only, { client, view, options, signal });
        return followSession(session, { client, options, signal });
      }),
    );
}

async function createJob(
  what: { readonly name: string; readonly paths: string[] },
  options: JobOptions,
  work: ServerWork,
): Promise<ExitStatus> {
  const { client, signal } = work;
  const { name, paths } = what;
  const { target, ...settings } = await settingsFrom(
    // Without any word on it: the only mover that there is.
    options.repository === undefined && options.mover === undefined && options.repositoryName === undefined
      ? { ...options, repositoryName: '{computer}' }
      : options,
    undefined,
    work,
  );
  if (!target) throw new TypeError('a target was chosen');
  const job = await client.call('createJob', {
    body: {
      name,
      scope: { kind: 'folders', paths },
      target,
      ...settings,
    },
    signal,
  });
  if (options.json) await printJson({ kind: 'job', job });
  else await printText(`Job ${job.name} (${job.id}) is defined. \`holdfast job run ${job.id}\` runs it.\n`);
  return exitStatus.success;
}

async function changeJob(name: string, options: ChangeJobOptions, work: ServerWork): Promise<ExitStatus> {
  const job = await chooseJob(work.client, { text: name, signal: work.signal });
  return putJob(
    job,
    {
      ...(await settingsFrom(options, job, work)),
      ...(options.name === undefined ? {} : { name: options.name }),
      ...(options.path ? { scope: { kind: 'folders' as const, paths: options.path } } : {}),
    },
    options,
    work,
  );
}

async function putJob(
  job: Job,
  changes: Partial<JobSettings>,
  options: ServerOptions,
  work: ServerWork,
): Promise<ExitStatus> {
  const { id, createdAt: _created, changedAt: _changed, nextRunAt: _next, lastSession: _last, ...settings } = job;
  const body = { ...settings, ...changes };
  return printJob(await work.client.call('changeJob', { params: { id }, body, signal: work.signal }), options, work);
}

async function printJob(job: Job, options: ServerOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  if (options.json) await printJson({ kind: 'job', job });
  else await printText(await jobText(job, client, signal));
  return exitStatus.success;
}

async function listJobs(options: ServerOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const jobs = await client.list('jobs', { signal });
  if (options.json) await printJson({ kind: 'jobs', jobs });
  else await printText(await jobsTable(jobs, client, signal));
  return exitStatus.success;
}
