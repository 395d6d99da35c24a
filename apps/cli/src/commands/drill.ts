import { type ExitStatus, exitStatus, formatBytes, formatDuration } from '@holdfast/core';
import type { CallArguments, DrilledComputer, DrillOptions, Routes } from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import { followSession } from '../managed/follow-session.ts';
import { chooseComputer, chooseRepository } from '../managed/names.ts';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { parseSchedule, scheduleHelp, scheduleText } from '../managed/schedule-text.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { byteSize, collect, duration, wholeNumber } from '../option-values.ts';
import { printJson, printText, shownTime } from '../output.ts';
import { exitStatusHelp } from '../stand-alone/repository-options.ts';
import { table } from '../terminal.ts';

interface AmountOptions extends ServerOptions {
  readonly computer?: readonly string[];
  readonly count?: number;
  readonly whole?: boolean;
  readonly files?: number;
  readonly maxBytes?: number;
  readonly maxTime?: number;
}

/** `holdfast drill`: backups restored for trial, by the executor beside their repository. */
export function registerDrill(program: Command): void {
  const drills = program
    .command('drill')
    .description('restore backups for trial: into a sandbox, read back, compared, timed, with a signed receipt');

  addAmount(
    addServerOptions(
      drills.command('run').description('a drill, now').argument('<repository>', 'name or id of the repository'),
    ),
  )
    .option('--snapshot <id>', 'these backups, not the newest ones; may be repeated', collect)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast drill run laptops
  $ holdfast drill run laptops --computer db1 --whole --max-bytes 200G

Without --computer it is the turn of the computers whose last good drill is the longest ago. What is left out is as
\`holdfast drill schedule\` says. The backup is restored to the disk of the data mover, and removed again.
${serverHelp}
${exitStatusHelp}`,
    )
    .action((name: string, options: AmountOptions & { readonly snapshot?: readonly string[] }) =>
      performWithServer(options, (work) => run(name, options, work)),
    );

  addServerOptions(
    drills.command('list', { isDefault: true }).description('computers with backups, and how their last drills went'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast drill list\n${serverHelp}`)
    .action((options: ServerOptions) => performWithServer(options, (work) => list(options, work)));

  addAmount(
    addServerOptions(
      drills
        .command('schedule')
        .description('show or set when backups of a repository are restored for trial, and how much of them')
        .argument('<repository>', 'name or id of the repository'),
    ).option('--when <schedule>', 'when; `manual` for never by itself'),
  )
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast drill schedule laptops
  $ holdfast drill schedule laptops --when "weekly sat 06:00" --count 3 --files 2000 --max-bytes 20G

${scheduleHelp}
${serverHelp}`,
    )
    .action((name: string, options: AmountOptions & { readonly when?: string }) =>
      performWithServer(options, (work) => schedule(name, options, work)),
    );
}

function addAmount(command: Command): Command {
  return command
    .option('--computer <name>', 'only backups of this computer; may be repeated', collect)
    .option('--count <n>', 'of so many computers each time', wholeNumber(1, 1000))
    .addOption(new Option('--whole', 'all of a backup, as far as --max-bytes allows').conflicts('files'))
    .option('--files <n>', 'a sample of so many files', wholeNumber(1, 100_000))
    .option('--max-bytes <size>', 'of a larger backup only a part', byteSize)
    .option('--max-time <duration>', 'a drill that takes longer has failed', duration);
}

async function amountOf(options: AmountOptions, { client, signal }: ServerWork): Promise<Partial<DrillOptions>> {
  const computers = options.computer?.map((text) => chooseComputer(client, { text, role: 'agent', signal }));
  return {
    ...(computers ? { computers: (await Promise.all(computers)).map(({ id }) => id) } : {}),
    ...(options.count === undefined ? {} : { count: options.count }),
    ...(options.whole ? { amount: { kind: 'whole' } } : {}),
    ...(options.files === undefined ? {} : { amount: { kind: 'sample', files: options.files } }),
    ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
    ...(options.maxTime === undefined ? {} : { maxMinutes: Math.ceil(options.maxTime / 60_000) }),
  };
}

async function run(
  name: string,
  options: AmountOptions & { readonly snapshot?: readonly string[] },
  work: ServerWork,
): Promise<ExitStatus> {
  const { client, signal } = work;
  const { id } = await chooseRepository(client, { text: name, signal });
  const body: CallArguments<Routes['startDrills']>['body'] = await amountOf(options, work);
  // Who names computers means all of them.
  if (body.computers && body.count === undefined) body.count = body.computers.length;
  if (options.snapshot) body.snapshotIds = [...options.snapshot];
  const session = await client.call('startDrills', { params: { id }, body, signal });
  return followSession(session, { client, options, signal });
}

async function list(options: ServerOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const computers = await client.list('drilledComputers', { signal });
  if (options.json) {
    await printJson({ kind: 'drills', computers });
    return exitStatus.success;
  }
  const heading = ['Computer', 'Last good drill', 'Restored', 'Rate', 'Whole restore', 'Last drill'];
  await printText(table([heading, ...computers.map(rowOf)]));
  return exitStatus.success;
}

function rowOf({ hostname, lastGood, last }: DrilledComputer): string[] {
  const result = lastGood?.drill.result;
  return [
    hostname,
    lastGood ? shownTime(lastGood.drill.endedAt) : 'never',
    result ? `${formatBytes(result.bytes)}, ${result.coverage}` : '',
    result ? `${formatBytes(result.bytesPerSecond)}/s` : '',
    result ? formatDuration(result.wholeRestoreMs) : '',
    last ? `${last.drill.outcome} ${shownTime(last.drill.endedAt)}` : '',
  ];
}

async function schedule(
  name: string,
  options: AmountOptions & { readonly when?: string },
  work: ServerWork,
): Promise<ExitStatus> {
  const { client, signal } = work;
  const { id } = await chooseRepository(client, { text: name, signal });
  const present = await client.call('repositoryMaintenance', { params: { id }, signal });
  const drill = options.when === undefined ? present.drill : parseSchedule(options.when);
  const changes = await amountOf(options, work);
  const isAsked = options.when !== undefined || Object.keys(changes).length > 0;
  // One that follows a job is refused by the server, which says why.
  const body = { ...present, drill, drillOptions: { ...present.drillOptions, ...changes } } as typeof present;
  const settings = isAsked ? await client.call('setRepositoryMaintenance', { params: { id }, body, signal }) : present;
  const { drillOptions, timeZone } = settings;
  if (options.json) {
    await printJson({ kind: 'drill-schedule', drill: settings.drill, drillOptions, timeZone });
    return exitStatus.success;
  }
  const { amount, computers, count, maxBytes, maxMinutes } = drillOptions;
  await printText(
    [
      `When      ${scheduleText(settings.drill, (job) => job)} (${timeZone})`,
      `Of        ${computers.length === 0 ? 'all computers' : computers.join(', ')}, ${count} each time`,
      `Restores  ${amount.kind === 'whole' ? 'everything' : `${amount.files} files`}, at most ${formatBytes(maxBytes)}, in ${formatDuration(maxMinutes * 60_000)}`,
      '',
    ].join('\n'),
  );
  return exitStatus.success;
}
