import { exitStatus, formatBytes, oneLine } from '@holdfast/core';
import type { Overview } from '@holdfast/protocol';
import type { Command } from 'commander';
import { performWithServer } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';

interface OverviewOptions extends ServerOptions {
  readonly since?: string;
}

/** `holdfast overview`: what the console shows first. */
export function registerOverview(program: Command): void {
  addServerOptions(
    program
      .command('overview')
      .description('the fleet: what is protected, what failed and why, what runs, what it takes'),
  )
    .option('--since <time>', 'failures since then, 2026-11-22T18:00:00Z; the last 24 hours unless given')
    .addHelpText(
      'after',
      `\nThe exit status is 3 when something failed or is unprotected, or a ransomware alert is open, else 0.\n\nExamples:\n  $ holdfast overview\n  $ holdfast overview --since 2026-11-20T18:00:00Z --json\n${serverHelp}`,
    )
    .action((options: OverviewOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const query = options.since === undefined ? {} : { from: new Date(options.since).toISOString() };
        const overview = await client.call('overview', { query, signal });
        if (options.json) await printJson({ kind: 'overview', ...overview });
        else await printText(overviewText(overview));
        const { failures, computers, ransomwareAlerts } = overview;
        const concerns = [failures, computers.unprotected, ransomwareAlerts];
        return concerns.every(({ count }) => count === 0) ? exitStatus.success : exitStatus.incomplete;
      }),
    );
}

const ages = {
  day: 'a day',
  'three-days': '3 days',
  week: '7 days',
  month: '30 days',
  quarter: '90 days',
  older: 'longer',
  never: 'never',
} as const;

function overviewText({
  computers,
  backups,
  failures,
  running,
  storage,
  drills,
  ransomwareAlerts,
  approvals,
}: Overview): string {
  const counts = [
    ['', 'Now', ''],
    [
      'Computers',
      String(computers.agents.count),
      `${computers.online.count} online, ${computers.offline.count} offline`,
    ],
    ['Protected', String(computers.protected.count), ''],
    ['Unprotected', String(computers.unprotected.count), namesOf(backups.worst)],
    ['Running', String(running.count), `${running.queued.count} waiting`],
    ['Failed', String(failures.count), `since ${shownTime(failures.from)}`],
    ['Storage', formatBytes(storage.usedBytes), changeOf(storage)],
    [
      'Ransomware alerts',
      String(ransomwareAlerts.count),
      ransomwareAlerts.count === 0 ? '' : '`holdfast alerts` shows them',
    ],
    ['Approvals', String(approvals.count), approvals.count === 0 ? '' : '`holdfast approvals list` shows them'],
  ];
  const shown = Object.values(ages);
  const row = (name: string, buckets: readonly { readonly id: keyof typeof ages; readonly count: number }[]) => [
    name,
    ...shown.map((age) => String(buckets.find(({ id }) => ages[id] === age)?.count ?? '')),
  ];
  const causes = failures.causes.map(({ code, count, computers: concerned, guidance, last }) => [
    ...[code, String(count), String(concerned), last.hostname, oneLine(guidance)],
  ]);
  return [
    table(counts),
    table([['How old, up to', ...shown], row('Good backup', backups.buckets), row('Good drill', drills.buckets)]),
    ...(causes.length === 0 ? [] : [table([['Cause', 'Runs', 'Computers', 'Last', 'What to do'], ...causes])]),
  ].join('\n');
}

function namesOf(worst: Overview['backups']['worst']): string {
  const named = worst
    .slice(0, 3)
    .map(({ hostname, lastBackupAt }) => `${hostname} (${lastBackupAt ? shownTime(lastBackupAt) : 'never'})`);
  return named.length === 0 ? '' : `longest without a backup: ${named.join(', ')}`;
}

function changeOf({ usedBytes, before30 }: Overview['storage']): string {
  if (before30 === undefined) return '';
  return `${usedBytes >= before30 ? '+' : '-'}${formatBytes(Math.abs(usedBytes - before30))} in 30 days`;
}
