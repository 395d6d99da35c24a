import { formatBytes, HoldfastError } from '@holdfast/core';
import {
  bandwidthRule,
  type JobSettings,
  type Schedule,
  schedule,
  type TimeWindow,
  timeWindow,
  type Weekday,
  weekdays,
} from '@holdfast/protocol';
import { byteSize } from '../option-values.ts';

/** Schedules and windows in one line, as people write them; what is printed can be given again. */

export const scheduleHelp = `Schedules:
  manual                            only when somebody asks for it
  daily 21:00
  weekly mon,fri 21:00              also mon-fri, all
  monthly 15 21:00                  in shorter months their last day; or: monthly last 21:00
  monthly last friday 05:00         first, second, third, fourth, last
  every 15m                         or: every 15m 08:00-18:00 mon-fri
  after JOB                         when a session of that job has ended
  cron 0 21 * * 1-5`;

export const scriptHelp = `Scripts are named, not sent: each computer runs a file of that name from the folder that \`scripts\` in its agent.yaml
names, which only root may be able to change, and refuses where there is no such setting. docs/jobs.md has what they are told.`;

const nths = ['first', 'second', 'third', 'fourth'] as const;

/** Throws `usage.option`. `after` gives the job's name as it was said. */
export function parseSchedule(text: string): Schedule | { readonly kind: 'after'; readonly job: string } {
  const [kind = '', ...words] = text.trim().split(/\s+/);
  const [first = '', second = '', third = ''] = words;
  switch (kind) {
    case 'manual':
      return checked(text, { kind, ...(words.length > 0 ? { words } : {}) });
    case 'daily':
      return checked(text, { kind, at: words.join(' ') });
    case 'weekly':
      return checked(text, { kind, days: parseDays(first), at: words.slice(1).join(' ') });
    case 'monthly': {
      if (words.length === 2)
        return checked(text, { kind, on: { day: first === 'last' ? first : Number(first) }, at: second });
      const nth = first === 'last' ? first : nths.findIndex((name) => name === first) + 1;
      return checked(text, { kind, on: { nth, weekday: parseDays(second)[0] }, at: third });
    }
    case 'every':
      return checked(text, { kind: 'interval', everyMinutes: parseMinutes(first), ...parsePart(words.slice(1)) });
    case 'after':
      return { kind, job: words.join(' ') };
    case 'cron':
      return checked(text, { kind, expression: words.join(' ') });
    default:
      throw wrong(text);
  }
}

/** `mon-fri 22:00-06:00`, or only the times for every day. Throws `usage.option`. */
export function parseWindow(text: string): TimeWindow {
  const parsed = timeWindow.safeParse(parsePart(text.trim().split(/\s+/)));
  if (parsed.success) return parsed.data;
  throw new HoldfastError('usage.option', {
    message: `${JSON.stringify(text)} is no window; say it as mon-fri 22:00-06:00.`,
  });
}

/** Each `2m mon-fri 08:00-18:00`, or `10m` for always; `off` alone for none. Throws `usage.option`. */
export function parseBandwidth(texts: readonly string[]): JobSettings['bandwidth'] {
  if (texts.length === 1 && texts[0] === 'off') return [];
  return texts.map((text) => {
    const [size = '', ...when] = text.trim().split(/\s+/);
    const windows = when.length > 0 ? [parseWindow(when.join(' '))] : [];
    const parsed = bandwidthRule.safeParse({ bytesPerSecond: sizeOf(size), windows });
    if (parsed.success) return parsed.data;
    throw new HoldfastError('usage.option', {
      message: `${JSON.stringify(text)} is no bandwidth rule: ${parsed.error.issues[0]?.message ?? ''}`,
      guidance: 'Say bytes a second, 64k at least, and when: 2m mon-fri 08:00-18:00, or 10m for always.',
    });
  });
}

function sizeOf(text: string): number {
  try {
    return byteSize(text);
  } catch {
    return Number.NaN;
  }
}

export function bandwidthText({ bytesPerSecond, windows }: JobSettings['bandwidth'][number]): string {
  return [`${formatBytes(bytesPerSecond)}/s`, ...windows.map(windowText)].join(' ');
}

function checked(text: string, value: unknown): Schedule {
  const parsed = schedule.safeParse(value);
  if (parsed.success) return parsed.data;
  throw wrong(text, parsed.error.issues[0]?.message);
}

function wrong(text: string, why?: string): HoldfastError {
  return new HoldfastError('usage.option', {
    message: `${JSON.stringify(text)} is no schedule${why === undefined ? '' : `: ${why}`}.`,
    guidance: scheduleHelp,
  });
}

function parseMinutes(text: string): number {
  const [, count, unit] = /^(\d+)(m|h)$/.exec(text) ?? [];
  return Number(count) * (unit === 'h' ? 60 : 1);
}

/** Times and days in any order. */
function parsePart(words: readonly string[]): Record<string, unknown> {
  const part: Record<string, unknown> = {};
  for (const word of words) {
    const [, from, to] = /^(\d\d:\d\d)-(\d\d:\d\d)$/.exec(word) ?? [];
    if (from === undefined) part['days'] = parseDays(word);
    else Object.assign(part, { from, to });
  }
  return part;
}

/** `mon,wed`, `fri-mon`, `all`; also the whole names. */
function parseDays(text: string): Weekday[] {
  if (text === 'all') return [...weekdays];
  const found = new Set<Weekday>();
  for (const part of text.split(',')) {
    const [from = -1, to = from] = part.split('-').map(indexOfDay);
    if (from < 0 || to < 0)
      throw new HoldfastError('usage.option', { message: `${JSON.stringify(text)} are no weekdays.` });
    for (let day = from; ; day = (day + 1) % 7) {
      const name = weekdays[day];
      if (name) found.add(name);
      if (day === to) break;
    }
  }
  return weekdays.filter((day) => found.has(day));
}

function indexOfDay(text: string): number {
  return text.length < 2 ? -1 : weekdays.findIndex((day) => day.startsWith(text.toLowerCase()));
}

export function scheduleText(form: Schedule, nameOfJob: (id: string) => string): string {
  switch (form.kind) {
    case 'manual':
      return 'manual';
    case 'daily':
      return `daily ${form.at}`;
    case 'weekly':
      return `weekly ${daysText(form.days)} ${form.at}`;
    case 'monthly': {
      const { on } = form;
      const day = 'day' in on ? on.day : `${on.nth === 'last' ? on.nth : nths[on.nth - 1]} ${on.weekday}`;
      return `monthly ${day} ${form.at}`;
    }
    case 'interval': {
      const { everyMinutes, from, to, days } = form;
      const part = from === '00:00' && to === '24:00' ? '' : ` ${from}-${to}`;
      return `every ${everyMinutes}m${part}${days.length === 7 ? '' : ` ${daysText(days)}`}`;
    }
    case 'after':
      return `after ${nameOfJob(form.jobId)}`;
    case 'cron':
      return `cron ${form.expression}`;
  }
}

export function windowText({ days, from, to }: TimeWindow): string {
  return `${days.length === 7 ? '' : `${daysText(days)} `}${from}-${to}`;
}

function daysText(days: readonly Weekday[]): string {
  return days.length === 7 ? 'all' : days.map((day) => day.slice(0, 3)).join(',');
}
