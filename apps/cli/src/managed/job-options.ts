import { HoldfastError } from '@holdfast/core';
import type { JobSettings, RestClient } from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import { collect, duration, splitTags, wholeNumber } from '../option-values.ts';
import { type Definition, type JobKind, jobKind } from './job-kinds.ts';
import { chooseComputer, chooseMover, chooseOfKind, chooseRepository } from './names.ts';
import { parseBandwidth, parseSchedule, parseWindow } from './schedule-text.ts';
import type { ServerOptions } from './server-options.ts';

export interface JobOptions extends ServerOptions {
  readonly agent?: string[];
  readonly group?: string[];
  readonly repository?: string;
  readonly mover?: string;
  readonly repositoryName?: string;
  readonly wholeComputer?: boolean;
  readonly zeroKnowledge?: boolean;
  readonly exclude?: string[];
  readonly oneFileSystem?: boolean;
  readonly tag?: string[];
  readonly direction?: 'agent-dials' | 'mover-dials';
  readonly schedule?: string;
  readonly timeZone?: string;
  readonly missed?: 'run-once' | 'skip';
  readonly window?: string[];
  readonly retries?: number;
  readonly retryPause?: number;
  readonly compression?: JobSettings['compression'];
  readonly bandwidth?: string[];
  readonly preScript?: string;
  readonly postScript?: string;
  readonly scriptTimeout?: number;
  readonly preScriptFailure?: JobSettings['scripts']['preFailure'];
  readonly keepDays?: number;
  readonly keepPoints?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
  readonly healthCheck?: string;
}

const count = wholeNumber(1, 1_000_000);

/** Of a policy the agent dials: there is no server to tell a mover to. */
export function addJobOptions({ noun }: JobKind, command: Command): Command {
  if (noun === 'job')
    command.addOption(
      new Option('--direction <who>', 'who dials the data channels').choices(['agent-dials', 'mover-dials']),
    );
  return command
    .option('--agent <name>', 'a computer, by host name or id of its agent; may be repeated', collect)
    .option('--group <name>', 'all computers of a group, also those that join it later; may be repeated', collect)
    .option('--mover <name>', 'each computer to a repository of its own at this mover')
    .option('--repository-name <template>', 'names of those, of {computer}, {group} and {id} (default: {computer})')
    .option('--zero-knowledge', 'only each computer itself has the key of its repository: docs/zero-knowledge.md')
    .option('--repository <name>', 'all computers to this one repository, by name or id')
    .option('-e, --exclude <pattern>', 'leave out what matches; may be repeated', collect)
    .option('-x, --one-file-system', 'stay on the file system of each path')
    .option('--tag <tag[,tag…]>', 'mark the snapshots; may be repeated', collect)
    .option('--schedule <when>', 'when it runs; see below (default: manual)')
    .option('--time-zone <name>', "of the schedule and the windows, such as Europe/Berlin (default: the server's)")
    .addOption(
      new Option('--missed <what>', 'what was due while nobody could run it (default: run-once)').choices([
        'run-once',
        'skip',
      ]),
    )
    .option('--window <when>', 'it may run then only, as in mon-fri 22:00-06:00; may be repeated', collect)
    .option('--retries <n>', 'of a computer that failed (default: 3)', wholeNumber(0, 100))
    .option('--retry-pause <duration>', 'before each of them (default: 10m)', duration)
    .addOption(
      new Option('--compression <level>', 'of new data (default: auto)').choices([
        'auto',
        'off',
        'fastest',
        'better',
        'max',
      ]),
    )
    .option(
      '--bandwidth <rule>',
      "what a computer may send in a second, as in 10m or '2m mon-fri 08:00-18:00'; may be repeated; off: as much as it can",
      collect,
    )
    .option('--pre-script <name>', 'runs on each computer before its backup; see below; off: none')
    .option('--post-script <name>', 'runs after it, however it ended; off: none')
    .option('--script-timeout <duration>', 'how long each of them may take (default: 10m)', duration)
    .addOption(
      new Option(
        '--pre-script-failure <what>',
        'what it means for the backup when the first one fails or may not run (default: fail)',
      ).choices(['fail', 'warn']),
    )
    .option('--keep-days <n>', 'keep restore points for so many days (default: as the repository says)', count)
    .option('--keep-points <n>', 'keep so many restore points, 3 at least', wholeNumber(3, 1_000_000))
    .option('--keep-weekly <n>', 'and one of each of so many weeks', count)
    .option('--keep-monthly <n>', 'and one of each of so many months', count)
    .option('--keep-yearly <n>', 'and one of each of so many years', wholeNumber(1, 1000))
    .option(
      '--health-check <when>',
      'when its repositories are checked besides their own times, or off; default: monthly last friday 05:00',
    );
}

interface Context {
  readonly client: RestClient;
  readonly signal: AbortSignal;
}

type Changes = Partial<Omit<JobSettings, 'name' | 'enabled' | 'scope'>>;

/** What the options say, and nothing of what they leave out. */
export async function settingsFrom(options: JobOptions, before: Definition | undefined, o: Context): Promise<Changes> {
  const { client, signal } = o;
  const changes: Changes = {};
  const set = <Key extends keyof Changes>(key: Key, value: Changes[Key] | undefined): void => {
    if (value !== undefined) changes[key] = value;
  };
  if (options.agent) {
    const chosen = options.agent.map((text) => chooseComputer(client, { text, role: 'agent', signal }));
    changes.computers = (await Promise.all(chosen)).map(({ id }) => id);
  }
  set('groups', options.group);
  set('target', await targetFrom(options, o));
  set('excludes', options.exclude);
  set('oneFileSystem', options.oneFileSystem);
  set('tags', options.tag && splitTags(options.tag));
  set('direction', options.direction);
  if (options.schedule !== undefined) changes.schedule = await scheduleFrom(options.schedule, o);
  set('timeZone', options.timeZone);
  set('missed', options.missed);
  set('windows', options.window?.map(parseWindow));
  const { retries = { count: 3, pauseMinutes: 10 } } = before ?? {};
  if (options.retries !== undefined || options.retryPause !== undefined)
    changes.retries = {
      count: options.retries ?? retries.count,
      pauseMinutes: options.retryPause === undefined ? retries.pauseMinutes : Math.ceil(options.retryPause / 60_000),
    };
  set('compression', options.compression);
  set('bandwidth', options.bandwidth && parseBandwidth(options.bandwidth));
  set('scripts', scriptsFrom(options, before));
  set('retention', retentionFrom(options));
  if (options.healthCheck === 'off')
    changes.healthCheck = { enabled: false, schedule: before?.healthCheck.schedule ?? { kind: 'manual' } };
  else if (options.healthCheck !== undefined)
    changes.healthCheck = { enabled: true, schedule: await scheduleFrom(options.healthCheck, o) };
  return changes;
}

async function scheduleFrom(text: string, { client, signal }: Context): Promise<JobSettings['schedule']> {
  const parsed = parseSchedule(text);
  if (!('job' in parsed)) return parsed;
  return { kind: 'after', jobId: (await chooseOfKind(jobKind, { client, text: parsed.job, signal })).id };
}

async function targetFrom(
  { repository, mover, repositoryName, zeroKnowledge }: JobOptions,
  { client, signal }: Context,
): Promise<JobSettings['target'] | undefined> {
  const isOwn = mover !== undefined || repositoryName !== undefined || zeroKnowledge === true;
  if (repository !== undefined && isOwn)
    throw new HoldfastError('usage.option', {
      message:
        '--repository is one for all computers, --mover and --zero-knowledge make one for each: give one of them.',
    });
  if (repository !== undefined)
    return { kind: 'shared', repositoryId: (await chooseRepository(client, { text: repository, signal })).id };
  if (!isOwn) return undefined;
  const { id } = await chooseMover(client, { text: mover, signal });
  return { kind: 'own', moverId: id, name: repositoryName ?? '{computer}', zeroKnowledge: zeroKnowledge === true };
}

function scriptsFrom(options: JobOptions, before: Definition | undefined): JobSettings['scripts'] | undefined {
  const { preScript, postScript, scriptTimeout, preScriptFailure } = options;
  if ([preScript, postScript, scriptTimeout, preScriptFailure].every((option) => option === undefined))
    return undefined;
  const known = before?.scripts ?? { timeoutSeconds: 600, preFailure: 'fail' };
  const pre = preScript ?? known.pre ?? 'off';
  const post = postScript ?? known.post ?? 'off';
  return {
    ...(pre === 'off' ? {} : { pre }),
    ...(post === 'off' ? {} : { post }),
    timeoutSeconds: scriptTimeout === undefined ? known.timeoutSeconds : Math.ceil(scriptTimeout / 1000),
    preFailure: preScriptFailure ?? known.preFailure,
  };
}

function retentionFrom(options: JobOptions): JobSettings['retention'] {
  const { keepDays, keepPoints, keepWeekly, keepMonthly, keepYearly } = options;
  const gfs = {
    ...(keepWeekly === undefined ? {} : { weekly: keepWeekly }),
    ...(keepMonthly === undefined ? {} : { monthly: keepMonthly }),
    ...(keepYearly === undefined ? {} : { yearly: keepYearly }),
  };
  const withGfs = Object.keys(gfs).length > 0 ? { gfs } : {};
  if (keepDays !== undefined && keepPoints !== undefined)
    throw new HoldfastError('usage.option', { message: 'Give --keep-days or --keep-points, not both.' });
  if (keepDays !== undefined) return { keep: { by: 'days', days: keepDays }, ...withGfs };
  if (keepPoints !== undefined) return { keep: { by: 'points', points: keepPoints }, ...withGfs };
  if ('gfs' in withGfs)
    throw new HoldfastError('usage.option', {
      message: '--keep-weekly, --keep-monthly and --keep-yearly need --keep-days or --keep-points.',
    });
  return undefined;
}
