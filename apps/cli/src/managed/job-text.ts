import { formatDuration } from '@holdfast/core';
import type { RestClient, Session } from '@holdfast/protocol';
import { shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import type { Definition, JobKind } from './job-kinds.ts';
import { bandwidthText, scheduleText, windowText } from './schedule-text.ts';

interface Names {
  readonly computer: (id: string) => string;
  readonly repository: (id: string) => string;
  readonly job: (id: string) => string;
}

async function namesOf(client: RestClient, signal: AbortSignal): Promise<Names> {
  const [jobs, computers, repositories] = await Promise.all([
    client.list('jobs', { signal }),
    client.list('computers', { signal }),
    client.list('repositories', { signal }),
  ]);
  const lookUp =
    (entries: readonly (readonly [string, string])[]) =>
    (id: string): string =>
      new Map(entries).get(id) ?? id;
  return {
    computer: lookUp(computers.map(({ id, hostname }) => [id, hostname])),
    repository: lookUp(repositories.map(({ id, name }) => [id, name])),
    job: lookUp(jobs.map(({ id, name }) => [id, name])),
  };
}

/** A table of jobs, or of policies. */
export async function jobsTable(jobs: readonly Definition[], client: RestClient, signal: AbortSignal): Promise<string> {
  const names = await namesOf(client, signal);
  const rows = jobs.map((job) => [
    job.name,
    computersText(job, names),
    targetText(job, names),
    job.enabled ? scheduleText(job.schedule, names.job) : 'disabled',
    job.nextRunAt === undefined ? '' : shownTime(job.nextRunAt),
    lastText(job.lastSession),
    job.id,
  ]);
  return table([['Name', 'Computers', 'Repository', 'Schedule', 'Next', 'Last', 'Id'], ...rows]);
}

/** All of one, for people. */
export async function jobText(
  noun: JobKind['noun'],
  job: Definition,
  { client, signal }: { readonly client: RestClient; readonly signal: AbortSignal },
): Promise<string> {
  const names = await namesOf(client, signal);
  const { scope, retention, retries, healthCheck } = job;
  const lines: [string, string][] = [
    [noun === 'job' ? 'Job' : 'Policy', `${job.name} (${job.id})${job.enabled ? '' : ', disabled'}`],
    ['Computers', computersText(job, names)],
    ['Backs up', scope.kind === 'folders' ? scope.paths.join(' ') : 'the whole computer'],
    ['Leaves out', job.excludes.join(' ')],
    ['Tags', job.tags.join(',')],
    ['Repository', targetText(job, names)],
    ['Schedule', `${scheduleText(job.schedule, names.job)} (${job.timeZone})`],
    ['Missed', job.schedule.kind === 'manual' ? '' : job.missed],
    ['Windows', job.windows.map(windowText).join(', ')],
    ['Retries', `${retries.count}, every ${retries.pauseMinutes} minutes`],
    ['Compression', job.compression],
    ['Bandwidth', job.bandwidth.map(bandwidthText).join(', ')],
    ['Scripts', scriptsText(job)],
    ['Keeps', retention ? retentionText(retention) : 'as the repository says'],
    ['Health check', healthCheck.enabled ? scheduleText(healthCheck.schedule, names.job) : 'off'],
    ['Declared by', job.managedBy ?? ''],
    ['Next', job.nextRunAt === undefined ? '' : shownTime(job.nextRunAt)],
    ['Last', job.lastSession ? `${lastText(job.lastSession)} (session ${job.lastSession.id})` : ''],
  ];
  return lines
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name.padEnd(13)} ${value}\n`)
    .join('');
}

function computersText({ computers, groups }: Definition, names: Names): string {
  const shown = [...groups.map((group) => `group ${group}`), ...computers.slice(0, 3).map(names.computer)];
  const more = computers.length - 3;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function targetText({ target }: Definition, names: Names): string {
  if (target.kind === 'shared') return names.repository(target.repositoryId);
  const place = `${target.name} at ${names.computer(target.moverId)}`;
  return target.zeroKnowledge ? `${place}, zero-knowledge` : place;
}

function scriptsText({ scripts: { pre, post, timeoutSeconds, preFailure } }: Definition): string {
  if (pre === undefined && post === undefined) return '';
  const parts = [
    ...(pre === undefined ? [] : [`${pre} before${preFailure === 'warn' ? ' (a warning if it fails)' : ''}`]),
    ...(post === undefined ? [] : [`${post} after`]),
  ];
  return `${parts.join(', ')}, ${formatDuration(timeoutSeconds * 1000)} each`;
}

function retentionText({ keep, gfs }: NonNullable<Definition['retention']>): string {
  const parts = [keep.by === 'days' ? `${keep.days} days` : `${keep.points} points`];
  for (const [name, kept] of Object.entries(gfs ?? {})) parts.push(`${kept} ${name}`);
  return parts.join(', ');
}

function lastText(last: Pick<Session, 'state' | 'createdAt'> | undefined): string {
  return last ? `${last.state} ${shownTime(last.createdAt)}` : '';
}
