import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import type { PolicySettings } from '@holdfast/protocol';
import type { Command } from 'commander';
import { collect } from '../option-values.ts';
import { printJson, printText } from '../output.ts';
import { addProgressOption, exitStatusHelp } from '../stand-alone/repository-options.ts';
import { followRun } from './follow-run.ts';
import { followSession } from './follow-session.ts';
import { guardedChange } from './guarded-change.ts';
import type { Definition, JobKind } from './job-kinds.ts';
import { addJobOptions, type JobOptions, settingsFrom } from './job-options.ts';
import { jobsTable, jobText } from './job-text.ts';
import { chooseComputer, chooseOfKind } from './names.ts';
import { performWithServer, type ServerWork } from './perform-with-server.ts';
import { scheduleHelp, scriptHelp } from './schedule-text.ts';
import { addServerOptions, type ServerOptions, serverHelp } from './server-options.ts';
import { runsOf } from './session-runs.ts';

interface RunOptions extends ServerOptions {
  readonly agent?: string[];
  readonly detach?: boolean;
  readonly quiet?: boolean;
  readonly jsonProgress?: boolean;
}

interface ChangeOptions extends JobOptions {
  readonly name?: string;
  readonly path?: string[];
}

/** The commands of jobs, or of policies. */
export function registerJobCommands(
  program: Command,
  kind: JobKind,
  o: { readonly description: string; readonly examples: string },
): Command {
  const commands = program.command(kind.noun).alias(kind.plural).description(o.description);
  registerDefinitions(commands, kind, o.examples);
  registerRun(commands, kind);
  return commands;
}

function registerDefinitions(commands: Command, kind: JobKind, examples: string): void {
  const { noun, plural } = kind;
  const choose = (text: string, work: ServerWork): Promise<Definition> => chooseOfKind(kind, { ...work, text });
  const of = (name: string, description: string): Command =>
    addServerOptions(commands.command(name).description(description));
  const named = (name: string, description: string): Command =>
    of(name, description).argument('<name>', `name or id of the ${noun}`);

  addJobOptions(
    kind,
    of('create', `define a ${noun}: what of which computers goes where, and when`)
      .argument('<name>', 'how you want to call it')
      .argument('[paths...]', 'absolute paths on the computers')
      .option('--whole-computer', 'all local file systems instead of paths; what is left out is told in each run'),
  )
    .addHelpText('after', `\n${examples}\n\n${scheduleHelp}\n\n${scriptHelp}\n${serverHelp}`)
    .action((name: string, paths: string[], options: JobOptions) =>
      performWithServer(options, (work) => create(kind, { ...options, name, paths }, work)),
    );

  addJobOptions(kind, named('change', `change a ${noun}; what no option names stays as it is`))
    .option('--name <name>', 'another name')
    .option('--path <path>', 'other paths; may be repeated', collect)
    .option('--whole-computer', 'all local file systems instead of paths')
    .addHelpText(
      'after',
      `\nExample:\n  $ holdfast ${noun} change homes --schedule 'daily 22:00'\n\n${scheduleHelp}\n\n${scriptHelp}\n${serverHelp}`,
    )
    .action((name: string, options: ChangeOptions) =>
      performWithServer(options, (work) => change(kind, name, options, work)),
    );

  of('list', `all ${plural}`)
    .addHelpText('after', `\nExample:\n  $ holdfast ${noun} list\n${serverHelp}`)
    .action((options: ServerOptions) => performWithServer(options, (work) => list(kind, options, work)));

  for (const [name, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const)
    named(name, enabled ? `let a ${noun} run by its schedule` : `let a ${noun} run no more by its schedule`)
      .addHelpText('after', `\nExample:\n  $ holdfast ${noun} ${name} homes\n${serverHelp}`)
      .action((text: string, options: ServerOptions) =>
        performWithServer(options, async (work) =>
          put(kind, { id: (await choose(text, work)).id, changesOf: async () => ({ enabled }) }, options, work),
        ),
      );

  named('delete', `delete a ${noun}; its sessions and snapshots stay`)
    .addHelpText('after', `\nExample:\n  $ holdfast ${noun} delete homes\n${serverHelp}`)
    .action((name: string, options: ServerOptions) =>
      performWithServer(options, async (work) => {
        const deleted = await choose(name, work);
        await kind.remove({ ...work, id: deleted.id });
        if (options.json) await printJson({ kind: `${noun}-deleted`, [noun]: deleted });
        else await printText(`${capital(noun)} ${deleted.name} is deleted; its sessions and snapshots stay.\n`);
        return exitStatus.success;
      }),
    );
}

function registerRun(commands: Command, kind: JobKind): void {
  const { noun } = kind;
  addProgressOption(
    addServerOptions(
      commands
        .command('run')
        .description(`run a ${noun} now and watch it to its end`)
        .argument('<name>', `name or id of the ${noun}`),
    ),
  )
    .option('--agent <name>', `only on this computer of the ${noun}; may be repeated`, collect)
    .option('--detach', 'print the id of the session (of the run, if it is the only one) and do not wait for its end')
    .option('-q, --quiet', 'no progress and no summary')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast ${noun} run homes\n  $ holdfast ${noun} run servers --agent web1 --json\n\nCtrl-C only stops watching: the run goes on, and \`holdfast session stop\` ends it.\n${serverHelp}\n${exitStatusHelp}`,
    )
    .action((name: string, options: RunOptions) =>
      performWithServer(options, async ({ client, view, signal }) => {
        const { id } = await chooseOfKind(kind, { client, text: name, signal });
        const chosen = options.agent?.map((text) => chooseComputer(client, { text, role: 'agent', signal }));
        const computers = chosen && (await Promise.all(chosen)).map(({ id }) => id);
        const session = await kind.run({ client, id, computers, signal });
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

async function create(
  kind: JobKind,
  options: JobOptions & { readonly name: string; readonly paths: string[] },
  work: ServerWork,
): Promise<ExitStatus> {
  const { name, paths, wholeComputer } = options;
  const scope = scopeFrom({ paths, wholeComputer });
  const { target, ...settings } = await settingsFrom(
    // Without any word on it: the only mover that there is.
    options.repository === undefined && options.mover === undefined && options.repositoryName === undefined
      ? { ...options, repositoryName: '{computer}' }
      : options,
    undefined,
    work,
  );
  if (!target) throw new TypeError('a target was chosen');
  if (!scope)
    throw new HoldfastError('usage.option', { message: 'Say what is to be backed up: paths, or --whole-computer.' });
  const body = { name, scope, target, ...settings };
  const { noun } = kind;
  const created = await kind.create({ ...work, body });
  if (options.json) await printJson({ kind: noun, [noun]: created });
  else
    await printText(
      `${capital(noun)} ${created.name} (${created.id}) is defined. \`holdfast ${noun} run ${created.id}\` runs it.\n`,
    );
  return exitStatus.success;
}

async function change(kind: JobKind, text: string, options: ChangeOptions, work: ServerWork): Promise<ExitStatus> {
  const scope = scopeFrom({ paths: options.path ?? [], wholeComputer: options.wholeComputer });
  const { id } = await chooseOfKind(kind, { ...work, text });
  const changesOf = async (before: Definition): Promise<Partial<PolicySettings>> => ({
    ...(await settingsFrom(options, before, work)),
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(scope ? { scope } : {}),
  });
  return put(kind, { id, changesOf }, options, work);
}

/** Undefined where nothing is said. */
function scopeFrom(o: {
  readonly paths: readonly string[];
  readonly wholeComputer: boolean | undefined;
}): PolicySettings['scope'] | undefined {
  if (o.wholeComputer && o.paths.length > 0)
    throw new HoldfastError('usage.option', { message: 'Give paths or --whole-computer, not both.' });
  if (o.wholeComputer) return { kind: 'computer' };
  return o.paths.length > 0 ? { kind: 'folders', paths: [...o.paths] } : undefined;
}

async function put(
  kind: JobKind,
  o: { readonly id: string; readonly changesOf: (before: Definition) => Promise<Partial<PolicySettings>> },
  options: ServerOptions,
  work: ServerWork,
): Promise<ExitStatus> {
  const changed = await guardedChange(async () => {
    const { answer, tag } = await kind.read({ ...work, id: o.id });
    const { id, createdAt: _created, changedAt: _changed, nextRunAt: _next, lastSession: _last, ...settings } = answer;
    return kind.change({ ...work, id, body: { ...settings, ...(await o.changesOf(answer)) }, ifMatch: tag });
  });
  return printDefinition(kind, changed, options, work);
}

export async function printDefinition(
  { noun }: JobKind,
  definition: Definition,
  options: ServerOptions,
  { client, signal }: ServerWork,
): Promise<ExitStatus> {
  if (options.json) await printJson({ kind: noun, [noun]: definition });
  else await printText(await jobText(noun, definition, { client, signal }));
  return exitStatus.success;
}

async function list(kind: JobKind, options: ServerOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const all = await kind.list({ client, signal });
  if (options.json) await printJson({ kind: kind.plural, [kind.plural]: all });
  else await printText(await jobsTable(all, client, signal));
  return exitStatus.success;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
