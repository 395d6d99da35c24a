import { type ExitStatus, exitStatus, formatBytes, HoldfastError } from '@holdfast/core';
import type { BandwidthRuleSettings, NetworkRule, RestClient } from '@holdfast/protocol';
import type { Command } from 'commander';
import { guardedChange } from '../managed/guarded-change.ts';
import { choose } from '../managed/names.ts';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { parseBandwidth, parseWindow, windowText } from '../managed/schedule-text.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { collect } from '../option-values.ts';
import { printJson, printText } from '../output.ts';
import { table } from '../terminal.ts';

interface RuleOptions extends ServerOptions {
  readonly from?: string[];
  readonly to?: string[];
  readonly window?: string[];
  readonly timeZone?: string;
}

interface ChangeOptions extends RuleOptions {
  readonly name?: string;
  readonly limit?: string;
}

/** `holdfast bandwidth`: what may pass between which addresses. */
export function registerBandwidth(program: Command): void {
  const rules = program
    .command('bandwidth')
    .description('limits of what passes between addresses, for all jobs and restores');
  const of = (name: string, description: string): Command =>
    addServerOptions(rules.command(name).description(description));
  const named = (name: string, description: string): Command =>
    of(name, description).argument('<name>', 'name or id of the rule');

  addRuleOptions(of('create', 'make a rule').argument('<name>', 'how you want to call it'))
    .argument('<limit>', 'bytes a second in each direction, as in 10m; 64k at least')
    .addHelpText('after', `\n${examples}\n${serverHelp}`)
    .action((name: string, limit: string, options: RuleOptions) =>
      performWithServer(options, async (work) => {
        const body = { name, bytesPerSecond: bytesOf(limit), ...settingsFrom(options) };
        const { client, signal } = work;
        return printRule(await client.call('createBandwidthRule', { body, signal }), options);
      }),
    );

  addRuleOptions(named('change', 'change a rule; what no option names stays as it is'))
    .option('--name <name>', 'another name')
    .option('--limit <bytes>', 'bytes a second in each direction, as in 10m')
    .addHelpText(
      'after',
      `\nExample:\n  $ holdfast bandwidth change wan --limit 20m\n\nA list that is given takes the place of the one before; any: no such list.\n${serverHelp}`,
    )
    .action((text: string, options: ChangeOptions) =>
      performWithServer(options, (work) =>
        put(text, {
          work,
          options,
          changes: {
            ...settingsFrom(options),
            ...(options.name === undefined ? {} : { name: options.name }),
            ...(options.limit === undefined ? {} : { bytesPerSecond: bytesOf(options.limit) }),
          },
        }),
      ),
    );

  for (const [name, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const)
    named(name, enabled ? 'let a rule hold again' : 'let a rule hold no more')
      .addHelpText('after', `\nExample:\n  $ holdfast bandwidth ${name} wan\n${serverHelp}`)
      .action((text: string, options: ServerOptions) =>
        performWithServer(options, (work) => put(text, { work, options, changes: { enabled } })),
      );

  of('list', 'all rules')
    .addHelpText('after', `\nExample:\n  $ holdfast bandwidth list\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const all = await client.list('bandwidthRules', { signal });
        if (options.json) await printJson({ kind: 'bandwidth-rules', rules: all });
        else await printText(rulesTable(all));
        return exitStatus.success;
      }),
    );

  named('delete', 'delete a rule')
    .addHelpText('after', `\nExample:\n  $ holdfast bandwidth delete wan\n${serverHelp}`)
    .action((text: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const rule = await chooseRule(client, text, signal);
        await client.call('deleteBandwidthRule', { params: { id: rule.id }, signal });
        if (options.json) await printJson({ kind: 'bandwidth-rule-deleted', rule });
        else await printText(`Bandwidth rule ${rule.name} is deleted.\n`);
        return exitStatus.success;
      }),
    );
}

const examples = `Examples:
  $ holdfast bandwidth create wan 20m --from 10.1.0.0/16 --to 10.9.0.5
  $ holdfast bandwidth create office 2m --from 192.168.7.10-192.168.7.99 --window 'mon-fri 08:00-18:00' --time-zone Europe/Berlin

Between computers with addresses of --from and movers with addresses of --to, or the other way round; any, if none is named. It holds
for backups and restores, of jobs, policies and restic, in each direction by itself. All that is under way at a mover shares it
equally; of several rules that hold the lowest decides. What stays on one computer has no limit.`;

function addRuleOptions(command: Command): Command {
  return command
    .option(
      '--from <addresses>',
      '10.1.0.0/16, 10.1.2.3 or 10.1.0.1-10.1.0.99, IPv6 likewise; may be repeated',
      collect,
    )
    .option('--to <addresses>', 'the other end, likewise; may be repeated', collect)
    .option('--window <when>', 'it holds then only, as in mon-fri 08:00-18:00; may be repeated', collect)
    .option('--time-zone <name>', "of the windows, such as Europe/Berlin (default: the server's)");
}

/** What the options say, and nothing of what they leave out. */
function settingsFrom(options: RuleOptions): Partial<BandwidthRuleSettings> {
  const { from, to, window: windows, timeZone } = options;
  const listed = (texts: readonly string[]): string[] => (texts.length === 1 && texts[0] === 'any' ? [] : [...texts]);
  return {
    ...(from ? { sources: listed(from) } : {}),
    ...(to ? { targets: listed(to) } : {}),
    ...(windows ? { windows: listed(windows).map(parseWindow) } : {}),
    ...(timeZone === undefined ? {} : { timeZone }),
  };
}

function bytesOf(text: string): number {
  const [rule] = parseBandwidth([text]);
  if (rule?.windows.length === 0) return rule.bytesPerSecond;
  throw new HoldfastError('usage.option', { message: `${JSON.stringify(text)} is no limit; say it as 10m.` });
}

async function put(
  text: string,
  o: { readonly work: ServerWork; readonly options: ServerOptions; readonly changes: Partial<BandwidthRuleSettings> },
): Promise<ExitStatus> {
  const { client, signal } = o.work;
  const params = { id: (await chooseRule(client, text, signal)).id };
  const changed = await guardedChange(async () => {
    const { answer, tag } = await client.tagged('bandwidthRule', { params, signal });
    const { id: _id, createdAt: _created, changedAt: _changed, ...settings } = answer;
    const body = { ...settings, ...o.changes };
    return client.call('changeBandwidthRule', { params, body, ifMatch: tag, signal });
  });
  return printRule(changed, o.options);
}

async function chooseRule(client: RestClient, text: string, signal: AbortSignal): Promise<NetworkRule> {
  const things = await client.list('bandwidthRules', { signal });
  const command = 'holdfast bandwidth list';
  return choose({ text, what: 'bandwidth rule', things, nameOf: ({ name }) => name, command });
}

async function printRule(rule: NetworkRule, options: ServerOptions): Promise<ExitStatus> {
  if (options.json) await printJson({ kind: 'bandwidth-rule', rule });
  else await printText(rulesTable([rule]));
  return exitStatus.success;
}

function rulesTable(rules: readonly NetworkRule[]): string {
  const rows = rules.map(({ name, sources, targets, bytesPerSecond, windows, timeZone, enabled, id }) => [
    name,
    sources.join(', ') || 'any',
    targets.join(', ') || 'any',
    `${formatBytes(bytesPerSecond)}/s`,
    enabled ? whenText(windows, timeZone) : 'disabled',
    id,
  ]);
  return table([['Name', 'From', 'To', 'Limit', 'When', 'Id'], ...rows]);
}

function whenText(windows: NetworkRule['windows'], timeZone: string): string {
  return windows.length === 0 ? 'always' : `${windows.map(windowText).join(', ')} (${timeZone})`;
}
