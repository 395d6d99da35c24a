import type { Command } from 'commander';
import { defaultDataDirectory } from '../data-directory.ts';
import { setting } from '../environment.ts';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { addServerOptions, addServerPlace, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import type { OutputOptions } from '../output.ts';
import { addOutputOptions, exitStatusHelp } from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

export interface NotifyOptions extends OutputOptions, ServerOptions {
  readonly json?: boolean;
  readonly config?: string;
  readonly notifyData?: string;
}

const work = () => import('../stand-alone/notify.ts');
const ofServer = () => import('../managed/server-notifications.ts');

/** With a configuration of this computer's own it is about this computer, else about the server. */
function isStandAlone({ config }: NotifyOptions): boolean {
  return (config ?? setting('NOTIFY')) !== undefined;
}

/** `holdfast notify`: whom the server tells of what, or with `--config` a computer without a server. */
export function registerNotify(program: Command): void {
  const notify = program
    .command('notify')
    .description(
      'mail, webhooks and syslog: who is told of what, trials, queue; with --config of a computer without a server',
    );

  subcommand(notify, 'test', 'send a trial message to every recipient, and say in plain words what went wrong')
    .option('--to <destination>', 'only to this one of the configuration')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast notify test --to office                              # the server's
  $ holdfast notify test --config /etc/holdfast/notify.yaml       # this computer's own

JSON: {kind: "notify test", results: [{destination, recipient?, sent, error?}]}
${exitStatusHelp}`,
    )
    .action((options: NotifyOptions & { to?: string }) =>
      isStandAlone(options)
        ? perform(options, async (o) => (await work()).runNotifyTest(options, o))
        : performWithServer(options, async (o) => (await ofServer()).tryNotifications(options, o)),
    );

  subcommand(notify, 'send', 'send what is due, a daily summary whose time has come included')
    .option('--stay', 'go on until Ctrl-C: retries and summaries go out at their time')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast notify send --config /etc/holdfast/notify.yaml            # from cron, every few minutes
  $ holdfast notify send --config /etc/holdfast/notify.yaml --stay     # as a service

JSON: {kind: "notify send", sent, postponed, givenUp}
${exitStatusHelp}`,
    )
    .action((options: NotifyOptions & { stay?: boolean }) =>
      perform(options, async (o) => (await work()).runNotifySend(options, o)),
    );

  subcommand(notify, 'list', 'what waits to be sent, and what was given up, with the reasons')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast notify list
  $ holdfast notify list --config /etc/holdfast/notify.yaml

JSON: {kind: "notify list", waiting: [{id, destination, recipient?, event, subject, createdAt, attempts, dueAt, lastError?}], givenUp: [{…}]}
${exitStatusHelp}`,
    )
    .action((options: NotifyOptions) =>
      isStandAlone(options)
        ? perform(options, async (o) => (await work()).runNotifyList(options, o))
        : performWithServer(options, async (o) => (await ofServer()).listNotifications(options, o)),
    );

  subcommand(notify, 'retry', 'send again what was given up, and of a server at once what waits')
    .argument('[ids...]', 'only these; else all')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast notify retry
  $ holdfast notify retry --config /etc/holdfast/notify.yaml

JSON: {kind: "notify send", sent, postponed, givenUp}; of a server {kind: "notify retry", due}
${exitStatusHelp}`,
    )
    .action((ids: string[], options: NotifyOptions) =>
      isStandAlone(options)
        ? perform(options, async (o) => (await work()).runNotifyRetry(ids, options, o))
        : performWithServer(options, async (o) => (await ofServer()).retryNotifications(ids, options, o)),
    );

  serverCommand(notify, 'show', 'who is told of what, as the file that `notify set` takes; without the secrets')
    .addHelpText('after', `\nExample:\n  $ holdfast notify show > notify.yaml\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async (o) => (await ofServer()).showSettings(options, o)),
    );

  serverCommand(
    notify,
    'set',
    'say who is told of what: a file as --config takes it, secrets and certificates included',
  )
    .argument('<file>', 'YAML or JSON; the files that it names are read on this computer and kept sealed by the server')
    .option('--keep-secrets', 'those that the server has already are not read again')
    .addHelpText('after', `\nExample:\n  $ holdfast notify set notify.yaml\n${serverHelp}`)
    .action((file: string, options: ServerOptions & { keepSecrets?: boolean }) =>
      performWithServer(options, async (o) => (await ofServer()).setSettings(file, options, o)),
    );

  serverCommand(notify, 'off', 'tell nobody any more, and forget what waits and the secrets')
    .option('--yes', 'really')
    .addHelpText('after', `\nExample:\n  $ holdfast notify off --yes\n${serverHelp}`)
    .action((options: ServerOptions & { yes?: boolean }) =>
      performWithServer(options, async (o: ServerWork) => (await ofServer()).deleteSettings(options, o)),
    );
}

function subcommand(notify: Command, name: string, description: string): Command {
  const command = notify
    .command(name)
    .description(description)
    .option('--config <file>', 'destinations and rules, YAML or JSON (env HOLDFAST_NOTIFY); docs/notifications.md')
    .option('--notify-data <directory>', `where queue and history are (default: ${defaultDataDirectory()}/notify)`);
  if (name !== 'send')
    addServerPlace(command)
      .option('--cacert <file>', "the server's CA certificate (PEM)")
      .option('--data <directory>', 'data directory of `holdfast up` on this computer');
  return addOutputOptions(command);
}

function serverCommand(notify: Command, name: string, description: string): Command {
  return addServerOptions(notify.command(name).description(`of the server: ${description}`));
}
