import { randomUUID } from 'node:crypto';
import { type EventKind, eventSchema, type NotificationEvent } from '../event.ts';

/** One event of each kind, for tests. */
export const sampleEvents: { readonly [Kind in EventKind]: Extract<NotificationEvent, { kind: Kind }> } = {
  'run-ended': made('run-ended', {
    run: {
      ...{ what: 'backup', name: 'homes', computer: 'laptop', outcome: 'failed', files: 1200, readBytes: 5_000_000 },
      ...{ startedAt: '2026-01-10T05:00:00Z', endedAt: '2026-01-10T05:03:07Z', storedBytes: 1_000_000 },
      problems: [{ code: 'storage.full', message: 'The storage is full.', guidance: 'Free some space.' }],
      problemCount: 3,
    },
    history: (['succeeded', 'succeeded', 'warning', 'failed'] as const).map((outcome, index) => ({
      ...{ outcome, durationMs: 1000 * (index + 1), endedAt: `2026-01-1${index}T05:03:07Z` },
    })),
  }),
  'computer-offline': made('computer-offline', { computer: 'laptop', lastSeenAt: '2026-01-03T12:00:00Z' }),
  'repository-check-failed': made('repository-check-failed', {
    repository: 'laptops',
    problems: [{ code: 'repository.damaged', message: 'A pack is damaged.', guidance: 'Do not delete anything.' }],
  }),
  'restore-drill': made('restore-drill', {
    ...{ name: 'homes', computer: 'store', outcome: 'succeeded', durationMs: 65_000, problems: [] },
  }),
  'ransomware-alert': made('ransomware-alert', {
    ...{ computer: 'laptop', repository: 'laptops' },
    signs: ['812 of 900 files .docx are gone', '1,204 files in 61 folders have a new extension: .locked'],
  }),
  'certificate-expiring': made('certificate-expiring', { subject: 'laptop', expiresAt: '2026-01-17T00:00:00Z' }),
  'daily-summary': made('daily-summary', {
    since: '2026-01-09T06:30:00Z',
    counts: { succeeded: 4, warning: 1, failed: 1 },
    runs: [
      {
        ...{ what: 'backup', name: 'homes', computer: 'laptop', outcome: 'failed', endedAt: '2026-01-10T05:03:07Z' },
        problem: 'The storage is full.',
      },
      { what: 'backup', name: 'etc', computer: 'web', outcome: 'succeeded', endedAt: '2026-01-10T04:03:07Z' },
    ],
    offline: ['desktop'],
    history: [],
  }),
  trial: made('trial', {}),
  'computer-unprotected': made('computer-unprotected', { computer: 'laptop', lastBackupAt: '2026-01-01T05:03:07Z' }),
  'approval-waiting': made('approval-waiting', {
    ...{ action: 'deleteRepository', subject: 'laptops', requestedBy: 'ada', expiresAt: '2026-01-13T06:30:00Z' },
  }),
  'sign-in-delayed': made('sign-in-delayed', { account: 'ada', address: '203.0.113.7' }),
  several: made('several', {
    ...{ since: '2026-01-10T06:20:00Z', count: 250, severity: 'error' },
    events: [
      { at: '2026-01-10T06:21:00Z', severity: 'error', subject: 'Backup homes of laptop failed: The disk is full.' },
    ],
  }),
};

function made<Kind extends EventKind>(kind: Kind, fields: object): Extract<NotificationEvent, { kind: Kind }> {
  const event = eventSchema.parse({ id: randomUUID(), at: '2026-01-10T06:30:00Z', from: 'server', kind, ...fields });
  // Parsed with that kind.
  return event as Extract<NotificationEvent, { kind: Kind }>;
}
