import { oneLine } from '@holdfast/core';
import { z } from 'zod';
import { maxFoldedEvents, maxHistory, maxProblems, maxSummaryRuns } from './limits.ts';

/** What can be told of. Every text of others is one line of bounded length, so that nothing in it steers a terminal or a mail. */

export const severities = ['information', 'warning', 'error'] as const;
export type Severity = (typeof severities)[number];

const text = (maxLength: number) => z.string().transform((said) => oneLine(said).slice(0, maxLength).toWellFormed());
const name = text(253);
const count = z.number().int().min(0);
const moment = z.iso.datetime();

const problemSchema = z.strictObject({ code: text(100), message: text(1000), guidance: text(1000) });
export type Problem = z.output<typeof problemSchema>;

const outcome = z.enum(['succeeded', 'warning', 'failed']);
export type Outcome = z.output<typeof outcome>;

/** A run as the picture of the last runs shows it. */
export const runPointSchema = z.strictObject({ endedAt: moment, outcome, durationMs: z.number().min(0) });
export type RunPoint = z.output<typeof runPointSchema>;

const runSchema = z.strictObject({
  /** What was done. */
  what: z.enum(['backup', 'restore', 'maintenance']),
  /** Of the job or policy; of a stand-alone backup its repository. */
  name,
  computer: name,
  outcome,
  startedAt: moment,
  endedAt: moment,
  files: count.optional(),
  readBytes: count.optional(),
  storedBytes: count.optional(),
  snapshotId: text(64).optional(),
  problems: z.array(problemSchema).max(maxProblems),
  /** All of them, those that are not named included. */
  problemCount: count,
});
export type Run = z.output<typeof runSchema>;

export const summaryRunSchema = runSchema
  .pick({ what: true, name: true, computer: true, outcome: true, endedAt: true })
  .extend({ problem: problemSchema.shape.message.optional() });
export type SummaryRun = z.output<typeof summaryRunSchema>;

/** Of all kinds. */
const common = {
  id: z.uuid(),
  at: moment,
  /** The server or computer that tells. */
  from: name,
};
/** Of the same job, the newest last. */
const history = z.array(runPointSchema).max(maxHistory);

export const eventSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...common, kind: z.literal('run-ended'), run: runSchema, history }),
  z.strictObject({ ...common, kind: z.literal('computer-offline'), computer: name, lastSeenAt: moment }),
  z.strictObject({
    ...common,
    kind: z.literal('repository-check-failed'),
    repository: name,
    problems: z.array(problemSchema).max(maxProblems),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('restore-drill'),
    /** What was restored. */
    name,
    computer: name,
    outcome,
    durationMs: z.number().min(0),
    problems: z.array(problemSchema).max(maxProblems),
  }),
  /** Files were deleted or renamed as ransomware does it, from one backup to another. */
  z.strictObject({
    ...common,
    kind: z.literal('ransomware-alert'),
    computer: name,
    repository: name,
    signs: z.array(text(300)).max(maxProblems),
  }),
  z.strictObject({ ...common, kind: z.literal('certificate-expiring'), subject: name, expiresAt: moment }),
  z.strictObject({
    ...common,
    kind: z.literal('daily-summary'),
    since: moment,
    counts: z.strictObject({ succeeded: count, warning: count, failed: count }),
    /** Those with problems first. */
    runs: z.array(summaryRunSchema).max(maxSummaryRuns),
    offline: z.array(name).max(maxSummaryRuns),
    history,
  }),
  z.strictObject({ ...common, kind: z.literal('trial') }),
  z.strictObject({
    ...common,
    kind: z.literal('computer-unprotected'),
    computer: name,
    lastBackupAt: moment.optional(),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('approval-waiting'),
    action: name,
    subject: name,
    requestedBy: name,
    expiresAt: moment,
  }),
  /** Too many wrong attempts to sign in: further ones have to wait. */
  z.strictObject({ ...common, kind: z.literal('sign-in-delayed'), account: name, address: name }),
  /** Many events in one message, so that a burst does not bury who gets it. */
  z.strictObject({
    ...common,
    kind: z.literal('several'),
    since: moment,
    /** All of them, those that are not named included. */
    count,
    /** The gravest of all. */
    severity: z.enum(severities),
    events: z
      .array(z.strictObject({ at: moment, severity: z.enum(severities), subject: text(1000) }))
      .max(maxFoldedEvents),
  }),
]);
export type NotificationEvent = z.output<typeof eventSchema>;
export type EventKind = NotificationEvent['kind'];

/**
 * What rules can be made for. A summary goes by its own time, a trial to whom it is meant for. A computer without a server makes the
 * first one only.
 */
export const ruleKinds = [
  'run-ended',
  'computer-offline',
  'repository-check-failed',
  'restore-drill',
  'ransomware-alert',
  'certificate-expiring',
  'computer-unprotected',
  'approval-waiting',
  'sign-in-delayed',
] as const satisfies readonly EventKind[];

const severityOfOutcome = { succeeded: 'information', warning: 'warning', failed: 'error' } as const;

export function severityOf(event: NotificationEvent): Severity {
  switch (event.kind) {
    case 'run-ended':
      return severityOfOutcome[event.run.outcome];
    case 'restore-drill':
      return severityOfOutcome[event.outcome];
    case 'repository-check-failed':
    case 'ransomware-alert':
      return 'error';
    case 'computer-offline':
    case 'computer-unprotected':
    case 'certificate-expiring':
    case 'approval-waiting':
    case 'sign-in-delayed':
      return 'warning';
    case 'several':
      return event.severity;
    case 'daily-summary':
      return event.counts.failed > 0 ? 'error' : event.counts.warning > 0 ? 'warning' : 'information';
    case 'trial':
      return 'information';
  }
}
