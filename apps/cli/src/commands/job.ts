import { type ExitStatus, exitStatus } from '@holdfast/core';
import { type Command, Option } from 'commander';
import { followRun } from '../managed/follow-run.ts';
import { chooseComputer, chooseJob, chooseRepository } from '../managed/names.ts';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { collect, splitTags } from '../option-values.ts';
import { printJson, printText } from '../output.ts';
import { addProgressOption, exitStatusHelp } from '../stand-alone/repository-options.ts';
import { table } from '../terminal.ts';

interface CreateJobOptions extends ServerOptions {
  readonly agent: string;
  readonly repository: string;
  readonly exclude?: string[];
  readonly oneFileSystem?: boolean;
  readonly tag?: string[];
  readonly direction: 'agent-dials' | 'mover-dials';
}

interface RunJobOptions extends ServerOptions {
  readonly detach?: boolean;
  readonly quiet?: boolean;
  readonly jsonProgress?: boolean;
}

/** `holdfast job`: backups that the server manages. */
export function registerJob(program: Command): void {
  const jobs = program.command('job').description('backup jobs that the server manages');

  addServerOptions(
    jobs
      .command('create')
      .description('define a job: which paths of which agent go to which repository')
      .argument('<name>', 'how you want to call it')
      .argument('<paths...>', "absolute paths on the agent's computer"),
  )
    .requiredOption('--agent <name>', 'the agent, by host name or id')
    .requiredOption('--repository <name>', 'the repository, by name or id')
    .option('-e, --exclude <pattern>', 'leave out what matches; may be repeated', collect)
    .option('-x, --one-file-system', 'stay on the file system of each path')
    .option('--tag <tag[,tag…]>', 'mark the snapshots; may be repeated', collect)
    .addOption(
      new Option('--direction <who>', 'who dials the data channels')
        .choices(['agent-dials', 'mover-dials'])
        .default('agent-dials'),
    )
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast job create homes /home --agent web1 --repository laptops\n  $ holdfast job create all / --agent web1 --repository laptops -x -e '*.tmp'\n${serverHelp}`,
    )
    .action((name: string, paths: string[], options: CreateJobOptions) =>
      performWithServer(options, (work) => createJob({ name, paths }, options, work)),
    );

  addServerOptions(jobs.command('list').description('all jobs'))
    .addHelpText('after', `\nExample:\n  $ holdfast job list\n${serverHelp}`)
    .action((options: ServerOptions) => performWithServer(options, (work) => listJobs(options, work)));

  addProgressOption(
    addServerOptions(
      jobs
        .command('run')
        .description('run a job now and watch it to its end')
        .argument('<name>', 'name or id of the job'),
    ),
  )
    .option('--detach', 'print the id of the run and do not wait for its end')
    .option('-q, --quiet', 'no progress and no summary')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast job run homes\n  $ holdfast job run homes --json\n\nCtrl-C only stops watching: the run goes on, and \`holdfast run cancel\` ends it.\n${serverHelp}\n${exitStatusHelp}`,
    )
    .action((name: string, options: RunJobOptions) =>
      performWithServer(options, async ({ client, view, signal }) => {
        const job = await chooseJob(client, { text: name, signal });
        const run = await client.call('runJob', { params: { id: job.id }, signal });
        if (!options.detach) return followRun(run, { client, view, options, signal });
        if (options.json) await printJson({ kind: 'run', run });
        else await printText(`${run.id}\n`);
        return exitStatus.success;
      }),
    );

  addServerOptions(
    jobs
      .command('delete')
      .description('delete a job; its runs and snapshots stay')
      .argument('<name>', 'name or id of the job'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast job delete homes\n${serverHelp}`)
    .action((name: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const job = await chooseJob(client, { text: name, signal });
        await client.call('deleteJob', { params: { id: job.id }, signal });
        if (options.json) await printJson({ kind: 'job-deleted', job });
        else await printText(`Job ${job.name} is deleted; its runs and snapshots stay.\n`);
        return exitStatus.success;
      }),
    );
}

async function createJob(
  what: { readonly name: string; readonly paths: string[] },
  options: CreateJobOptions,
  { client, signal }: ServerWork,
): Promise<ExitStatus> {
  const [agent, repository] = await Promise.all([
    chooseComputer(client, { text: options.agent, role: 'agent', signal }),
    chooseRepository(client, { text: options.repository, signal }),
  ]);
  const job = await client.call('createJob', {
    body: {
      name: what.name,
      agentId: agent.id,
      repositoryId: repository.id,
      sources: what.paths,
      excludes: options.exclude ?? [],
      oneFileSystem: options.oneFileSystem ?? false,
      tags: splitTags(options.tag),
      direction: options.direction,
    },
    signal,
  });
  if (options.json) await printJson({ kind: 'job', job });
  else await printText(`Job ${job.name} (${job.id}) is defined. \`holdfast job run ${job.id}\` runs it.\n`);
  return exitStatus.success;
}

async function listJobs(options: ServerOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const [jobs, computers, repositories] = await Promise.all([
    client.list('jobs', { signal }),
    client.list('computers', { signal }),
    client.list('repositories', { signal }),
  ]);
  if (options.json) {
    await printJson({ kind: 'jobs', jobs });
    return exitStatus.success;
  }
  const hostOf = new Map(computers.map(({ id, hostname }) => [id, hostname]));
  const nameOf = new Map(repositories.map(({ id, name }) => [id, name]));
  const rows = jobs.map((job) => [
    job.name,
    hostOf.get(job.agentId) ?? job.agentId,
    nameOf.get(job.repositoryId) ?? job.repositoryId,
    job.sources.join(' '),
    job.tags.join(','),
    job.id,
  ]);
  await printText(table([['Name', 'Agent', 'Repository', 'Paths', 'Tags', 'Id'], ...rows]));
  return exitStatus.success;
}
