import type { Command } from 'commander';
import { defaultDataDirectory } from '../data-directory.ts';
import type { OutputOptions } from '../output.ts';
import { addOutputOptions, exitStatusHelp } from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

export interface NotifyOptions extends OutputOptions {
  readonly config?: string;
  readonly notifyData?: string;
}

const work = () => import('../stand-alone/notify.ts');

/** `holdfast notify`: what a computer without a server tells of its backups, and to whom. */
export function registerNotify(program: Command): void {
  const notify = program
    .command('notify')
    .description('mail, webhooks and syslog of a computer without a server: trial, queue, retries');

  subcommand(notify, 'test', 'send a trial message to every recipient, and say in plain words what went wrong')
    .option('--to <destination>', 'only to this one of the configuration')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast notify test --config /etc/holdfast/notify.yaml
  $ holdfast notify test --config notify.yaml --to office

JSON: {kind: "notify test", results: [{destination, recipient?, sent, error?}]}
${exitStatusHelp}`,
    )
    .action((options: NotifyOptions & { to?: string }) =>
      perform(options, async (o) => (await work()).runNotifyTest(options, o)),
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
  $ holdfast notify list --config /etc/holdfast/notify.yaml

JSON: {kind: "notify list", waiting: [{id, destination, recipient?, event, subject, createdAt, attempts, dueAt, lastError?}], givenUp: [{…}]}
${exitStatusHelp}`,
    )
    .action((options: NotifyOptions) => perform(options, async (o) => (await work()).runNotifyList(options, o)));

  subcommand(notify, 'retry', 'send again what was given up')
    .argument('[ids...]', 'only these; else all')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast notify retry --config /etc/holdfast/notify.yaml

JSON: {kind: "notify send", sent, postponed, givenUp}
${exitStatusHelp}`,
    )
    .action((ids: string[], options: NotifyOptions) =>
      perform(options, async (o) => (await work()).runNotifyRetry(ids, options, o)),
    );
}

function subcommand(notify: Command, name: string, description: string): Command {
  const command = notify
    .command(name)
    .description(description)
    .option('--config <file>', 'destinations and rules, YAML or JSON (env HOLDFAST_NOTIFY); docs/notifications.md')
    .option('--notify-data <directory>', `where queue and history are (default: ${defaultDataDirectory()}/notify)`);
  return addOutputOptions(command);
}
