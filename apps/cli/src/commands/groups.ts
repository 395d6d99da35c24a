import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { type Group, type GroupType, groupType } from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import { printExpected } from '../managed/expected-computers.ts';
import { guardedChange } from '../managed/guarded-change.ts';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { collect } from '../option-values.ts';
import { printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import { registerGroupMembers } from './group-members.ts';

interface SettingOptions extends ServerOptions {
  readonly file?: string | false;
  readonly exclude?: string[];
  readonly exclusions?: boolean;
  /** `--no-rescan` gives false, and commander true where nothing was said. */
  readonly rescan: boolean;
  readonly rescanAt?: string;
}

/** `holdfast groups`: protection groups, and what they expect. */
export function registerGroups(program: Command): void {
  const groups = program
    .command('groups')
    .alias('group')
    .description('protection groups: which computers belong together, and which are expected');

  addServerOptions(groups.command('list').description('all groups'))
    .addOption(new Option('--type <type>', 'only these').choices(groupType.options))
    .addHelpText('after', `\nExample:\n  $ holdfast groups list\n${serverHelp}`)
    .action((options: ServerOptions & { readonly type?: GroupType }) =>
      performWithServer(options, async ({ client, signal }) => {
        const query = options.type === undefined ? {} : { type: options.type };
        return printGroups(await client.list('groups', { query, signal }), options);
      }),
    );

  addServerOptions(groups.command('show').description('one group').argument('<name>', 'its name'))
    .addHelpText('after', `\nExample:\n  $ holdfast groups show shops\n${serverHelp}`)
    .action((name: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) =>
        printGroup(await client.call('group', { params: { id: name }, signal }), options),
      ),
    );

  addSettings(
    addServerOptions(
      groups.command('create').description('make a group').argument('<name>', 'a-z, 0-9 and -, for example shops'),
    ),
  )
    .addOption(
      new Option('--type <type>', 'individual computers, a list in CSV, or computers that call in by themselves')
        .choices(groupType.options)
        .default('individual'),
    )
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast groups create web\n  $ holdfast groups create shops --type csv --file shops.csv --exclude 'test-*' --exclude 10.9.0.0/16\n  $ holdfast groups create kiosks --type preinstalled\n${serverHelp}`,
    )
    .action((name: string, options: SettingOptions & { readonly type: GroupType }) =>
      performWithServer(options, async ({ client, signal }) => {
        const made = await client.call('createGroup', {
          body: {
            name,
            type: options.type,
            exclusions: options.exclude ?? [],
            csvFile: options.file || null,
            ...(!options.rescan ? { rescanAt: null } : options.rescanAt ? { rescanAt: options.rescanAt } : {}),
          },
          signal,
        });
        return printGroup(made, options);
      }),
    );

  addSettings(
    addServerOptions(
      groups.command('change').description('change settings; what is not said stays').argument('<name>', 'its name'),
    ),
  )
    .option('--no-file', 'the list is uploaded')
    .option('--no-exclusions', 'leave out nothing')
    .addHelpText('after', `\nExample:\n  $ holdfast groups change shops --rescan-at 06:30\n${serverHelp}`)
    .action((name: string, options: SettingOptions) =>
      performWithServer(options, (work) =>
        change(name, options, work, (before) => ({
          exclusions: options.exclude ?? (options.exclusions === false ? [] : before.exclusions),
          csvFile: typeof options.file === 'string' ? options.file : options.file === false ? null : before.csvFile,
          rescanAt: options.rescan ? (options.rescanAt ?? before.rescanAt) : null,
        })),
      ),
    );

  for (const [command, enabled, what] of [
    ['enable', true, 'let computers join again, and rescan'],
    ['disable', false, 'nothing joins it, and it is not rescanned; the computers that it has stay'],
  ] as const)
    addServerOptions(groups.command(command).description(what).argument('<name>', 'its name'))
      .addHelpText('after', `\nExample:\n  $ holdfast groups ${command} shops\n${serverHelp}`)
      .action((name: string, options: ServerOptions) =>
        performWithServer(options, (work) => change(name, options, work, () => ({ enabled }))),
      );

  addServerOptions(
    groups
      .command('delete')
      .description('delete a group that is empty, or whose computers and repositories go to another one')
      .argument('<name>', 'its name'),
  )
    .option('--move-to <group>', 'where its computers and repositories go')
    .option('--yes', 'really: its join tokens and what it expects are gone with it')
    .addHelpText('after', `\nExample:\n  $ holdfast groups delete shops --move-to default --yes\n${serverHelp}`)
    .action((name: string, options: ServerOptions & { readonly moveTo?: string; readonly yes?: boolean }) =>
      performWithServer(options, async ({ client, signal }) => {
        if (!options.yes)
          throw new HoldfastError('usage.option', {
            message: `This would delete the protection group ${name} with its join tokens; nothing was done.`,
            guidance: 'Say --yes if you mean it.',
          });
        const query = options.moveTo === undefined ? {} : { moveTo: options.moveTo };
        const { movedComputers } = await client.call('deleteGroup', { params: { id: name }, query, signal });
        if (options.json) await printJson({ kind: 'group-deleted', name, movedComputers });
        else await printText(`The protection group ${name} is deleted; ${movedComputers} computers were moved.\n`);
        return exitStatus.success;
      }),
    );

  addServerOptions(
    groups
      .command('rescan')
      .description('read its list again and look at its computers now; deploys nothing')
      .argument('<name>', 'its name'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast groups rescan shops\n${serverHelp}`)
    .action((name: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const result = await client.call('rescanGroup', { params: { id: name }, signal });
        if (options.json) await printJson({ kind: 'rescan', group: name, result });
        else await printText(`${rescanText(result)}\n`);
        return result.error === undefined ? exitStatus.success : exitStatus.failed;
      }),
    );

  registerGroupMembers(groups);

  addServerOptions(
    groups.command('expected').description('computers that groups expect').argument('[name]', 'of this group only'),
  )
    .addOption(new Option('--state <state>', 'only these').choices(['enrolled', 'unmanaged', 'no-longer-listed']))
    .addHelpText('after', `\nExample:\n  $ holdfast groups expected shops --state unmanaged\n${serverHelp}`)
    .action(
      (
        name: string | undefined,
        options: ServerOptions & { readonly state?: 'enrolled' | 'unmanaged' | 'no-longer-listed' },
      ) =>
        performWithServer(options, async (work) => {
          const query = {
            ...(name === undefined ? {} : { group: name }),
            ...(options.state ? { state: options.state } : {}),
          };
          await printExpected(query, { ...work, json: options.json });
          return exitStatus.success;
        }),
    );
}

function addSettings(command: Command): Command {
  return command
    .option('--file <file>', "the list, below the server's csvFolder; read again at each rescan")
    .option('--exclude <what>', 'leave out a name with * and ?, an address or a range; may be repeated', collect)
    .option('--rescan-at <time>', "daily, in the server's time zone (21:00 unless it is said otherwise)")
    .option('--no-rescan', 'only on request');
}

async function change(
  name: string,
  options: ServerOptions,
  { client, signal }: ServerWork,
  settings: (before: Group) => Partial<Group>,
): Promise<ExitStatus> {
  const params = { id: name };
  const changed = await guardedChange(async () => {
    const { answer, tag } = await client.tagged('group', { params, signal });
    const { exclusions, rescanAt, enabled, csvFile } = { ...answer, ...settings(answer) };
    const body = { exclusions, rescanAt, enabled, csvFile };
    return client.call('changeGroup', { params, body, ifMatch: tag, signal });
  });
  return printGroup(changed, options);
}

async function printGroups(groups: readonly Group[], options: ServerOptions): Promise<ExitStatus> {
  if (options.json) await printJson({ kind: 'groups', groups });
  else {
    const rows = groups.map((one) => [
      one.name,
      one.type,
      one.enabled ? 'enabled' : 'disabled',
      one.rescanAt ?? 'on request',
      one.lastRescan === undefined ? '' : shownTime(one.lastRescan.at),
      one.lastRescan === undefined ? '' : (one.lastRescan.error ?? `${one.lastRescan.unmanaged} unmanaged`),
    ]);
    await printText(table([['Name', 'Type', 'State', 'Rescan', 'Last rescan', 'Result'], ...rows]));
  }
  return exitStatus.success;
}

async function printGroup(group: Group, options: ServerOptions): Promise<ExitStatus> {
  if (options.json) await printJson({ kind: 'group', group });
  else
    await printText(
      table([
        ['Name', group.name],
        ['Type', group.type],
        ['State', group.enabled ? 'enabled' : 'disabled'],
        ...(group.managedBy === undefined ? [] : [['Declared by', group.managedBy]]),
        ...(group.csvFile === null ? [] : [['File', group.csvFile]]),
        ['Exclusions', group.exclusions.join(' ') || 'none'],
        ['Rescan', group.rescanAt === null ? 'on request' : `daily at ${group.rescanAt}`],
        ...(group.nextRescanAt === undefined ? [] : [['Next rescan', shownTime(group.nextRescanAt)]]),
        ...(group.lastRescan === undefined ? [] : [['Last rescan', rescanText(group.lastRescan)]]),
      ]),
    );
  return exitStatus.success;
}

function rescanText(result: NonNullable<Group['lastRescan']>): string {
  const facts = [
    `${result.computers} computers`,
    `${result.online} online`,
    `${result.outOfDate} out of date`,
    `${result.untrusted} untrusted`,
    `${result.expected} expected`,
    `${result.unmanaged} of these unmanaged`,
    `${result.noLongerListed} no longer listed`,
    `${result.excluded} excluded`,
  ];
  return `${shownTime(result.at)}: ${facts.join(', ')}.${result.error === undefined ? '' : ` ${result.error}`}`;
}
