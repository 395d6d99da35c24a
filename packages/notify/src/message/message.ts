import { formatBytes, formatCount, formatDuration } from '@holdfast/core';
import {
  type NotificationEvent,
  type Outcome,
  type Problem,
  type RunPoint,
  type Severity,
  severityOf,
} from '../event.ts';
import { wallClock } from '../time-of-day.ts';

/** What a message says, before it is text or HTML. */
export interface Message {
  readonly severity: Severity;
  /** One line; the subject of a mail. */
  readonly subject: string;
  /** One sentence. */
  readonly headline: string;
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly problems: readonly Problem[];
  /** Problems that are not named. */
  readonly furtherProblems: number;
  /** The runs of a summary. */
  readonly runs: readonly { readonly outcome: Outcome; readonly text: string }[];
  readonly furtherRuns: number;
  /** What `runs` are. */
  readonly what: 'run' | 'event';
  readonly history: readonly RunPoint[];
  /** Who tells, and when. */
  readonly footer: string;
}

const ended = { succeeded: 'succeeded', warning: 'ended with warnings', failed: 'failed' } as const;
const nothing = {
  problems: [],
  furtherProblems: 0,
  runs: [],
  furtherRuns: 0,
  what: 'run',
  history: [],
  facts: [],
} as const;
const outcomeOf = { information: 'succeeded', warning: 'warning', error: 'failed' } as const satisfies Record<
  Severity,
  Outcome
>;

/** `timeZone`: of the times in it. */
export function messageOf(event: NotificationEvent, timeZone: string): Message {
  const shown = (moment: string): string => wallClock(moment, timeZone);
  const common = {
    ...nothing,
    severity: severityOf(event),
    footer: `Holdfast on ${event.from}, ${shown(event.at)} (${timeZone})`,
  };
  switch (event.kind) {
    case 'run-ended': {
      const { run } = event;
      const what = `${capital(run.what)} ${run.name} of ${run.computer}`;
      const durationMs = Math.max(0, Date.parse(run.endedAt) - Date.parse(run.startedAt));
      return {
        ...common,
        subject: `${what} ${ended[run.outcome]}`,
        headline: `${what} ${ended[run.outcome]}.`,
        facts: [
          ['Started', shown(run.startedAt)],
          ['Ended', `${shown(run.endedAt)}, after ${formatDuration(durationMs)}`],
          ...optionalFact('Files', run.files, formatCount),
          ...optionalFact('Read', run.readBytes, formatBytes),
          ...optionalFact('Stored', run.storedBytes, formatBytes),
          ...optionalFact('Snapshot', run.snapshotId, (id) => id.slice(0, 8)),
        ],
        problems: run.problems,
        furtherProblems: Math.max(0, run.problemCount - run.problems.length),
        history: event.history,
      };
    }
    case 'computer-offline':
      return {
        ...common,
        subject: `${event.computer} is offline`,
        headline: `${event.computer} has not been seen since ${shown(event.lastSeenAt)}. Until it is back, it is not backed up.`,
      };
    case 'repository-check-failed':
      return {
        ...common,
        subject: `Repository ${event.repository}: the check failed`,
        headline: `The check of repository ${event.repository} found damage or could not be done. Restores from it may fail.`,
        problems: event.problems,
      };
    case 'restore-drill': {
      const what = `Restore drill ${event.name} on ${event.computer}`;
      return {
        ...common,
        subject: `${what} ${ended[event.outcome]}`,
        headline: `${what} ${ended[event.outcome]} after ${formatDuration(event.durationMs)}.`,
        problems: event.problems,
      };
    }
    case 'ransomware-alert':
      return {
        ...common,
        subject: `Signs of ransomware on ${event.computer}`,
        headline: `In the last backup of ${event.computer} to ${event.repository} files are gone or renamed as ransomware does it. Look at the computer now; earlier backups have the files as they were.`,
        facts: event.signs.map((sign) => ['Found', sign] as const),
      };
    case 'certificate-expiring':
      return {
        ...common,
        subject: `The certificate of ${event.subject} ends soon`,
        headline: `The certificate of ${event.subject} ends on ${shown(event.expiresAt)} and has not been renewed.`,
      };
    case 'daily-summary': {
      const { succeeded, warning, failed } = event.counts;
      const total = succeeded + warning + failed;
      const numbers = `${succeeded} succeeded, ${warning} with warnings, ${failed} failed`;
      return {
        ...common,
        subject: total === 0 ? 'Summary: nothing was run' : `Summary: ${numbers}`,
        headline:
          total === 0
            ? `Nothing was run since ${shown(event.since)}.`
            : `${total === 1 ? '1 run' : `${formatCount(total)} runs`} since ${shown(event.since)}: ${numbers}.`,
        facts: event.offline.length === 0 ? [] : [['Offline', event.offline.join(', ')]],
        runs: event.runs.map((run) => ({
          outcome: run.outcome,
          text: `${shown(run.endedAt)}  ${capital(run.what)} ${run.name} of ${run.computer} ${ended[run.outcome]}${run.problem === undefined ? '' : `: ${run.problem}`}`,
        })),
        furtherRuns: Math.max(0, total - event.runs.length),
        history: event.history,
      };
    }
    case 'computer-unprotected':
      return {
        ...common,
        subject: `${event.computer} is not protected`,
        headline:
          event.lastBackupAt === undefined
            ? `There is no backup of ${event.computer}. Give it a job, or find out why its runs fail.`
            : `The last backup of ${event.computer} is of ${shown(event.lastBackupAt)}. Find out why there is none since, or give it a job.`,
      };
    case 'approval-waiting':
      return {
        ...common,
        subject: `${event.requestedBy} asks for approval: ${event.action} ${event.subject}`.trimEnd(),
        headline: `${event.requestedBy} asks for ${event.action}, which a second administrator has to agree to until ${shown(event.expiresAt)}.`,
        facts: event.subject === '' ? [] : [['About', event.subject]],
      };
    case 'sign-in-delayed':
      return {
        ...common,
        subject: `Wrong attempts to sign in as ${event.account}`,
        headline: `Somebody at ${event.address} has tried to sign in as ${event.account} with wrong passwords, too often: further attempts have to wait.`,
      };
    case 'several':
      return {
        ...common,
        subject: `${formatCount(event.count)} events`,
        headline: `${formatCount(event.count)} events since ${shown(event.since)}, in one message.`,
        runs: event.events.map(({ at, severity, subject }) => ({
          outcome: outcomeOf[severity],
          text: `${shown(at)}  ${subject}`,
        })),
        furtherRuns: Math.max(0, event.count - event.events.length),
        what: 'event',
      };
    case 'trial':
      return {
        ...common,
        subject: 'Trial message',
        headline: 'This is a trial: notifications reach this place.',
      };
  }
}

function optionalFact<Value>(
  label: string,
  value: Value | undefined,
  show: (value: Value) => string,
): readonly (readonly [string, string])[] {
  return value === undefined ? [] : [[label, show(value)]];
}

function capital(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}

/** In a few words, for lists. */
export function subjectOf(event: NotificationEvent): string {
  return messageOf(event, 'UTC').subject;
}
