import type { Job, JobSettings, Policy } from '@holdfast/protocol';

/** A job or policy as it is being planned: it may have no target yet. */
export type JobDraft = Omit<JobSettings, 'target'> & { readonly target: JobSettings['target'] | undefined };
export type ChangeDraft = (change: Partial<JobDraft>) => void;

/** What most people want: every evening, kept as the repository says. */
export function newDraft(): JobDraft {
  return {
    name: '',
    enabled: true,
    computers: [],
    groups: [],
    scope: { kind: 'computer' },
    excludes: [],
    oneFileSystem: false,
    tags: [],
    target: undefined,
    direction: 'agent-dials',
    schedule: { kind: 'daily', at: '21:00' },
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    missed: 'run-once',
    windows: [],
    retries: { count: 3, pauseMinutes: 10 },
    compression: 'auto',
    bandwidth: [],
    scripts: { timeoutSeconds: 600, preFailure: 'fail' },
    healthCheck: {
      enabled: true,
      schedule: { kind: 'monthly', on: { nth: 'last', weekday: 'friday' }, at: '05:00' },
    },
  };
}

/** What somebody decides about a job that is there; the rest of its view is the server's. A policy has no direction: its agent dials. */
export function draftOf(one: Job | Policy): JobDraft {
  const {
    id: _id,
    managedBy: _by,
    createdAt: _at,
    changedAt: _changed,
    nextRunAt: _next,
    lastSession: _last,
    ...settings
  } = one;
  return { direction: 'agent-dials', ...settings };
}

/** Without the empty lines that fields of several lines have while somebody writes. */
export function settled(draft: JobDraft): JobDraft {
  const { scope } = draft;
  return {
    ...draft,
    name: draft.name.trim(),
    excludes: filled(draft.excludes),
    scope: scope.kind === 'folders' ? { kind: 'folders', paths: filled(scope.paths) } : scope,
  };
}

function filled(lines: readonly string[]): string[] {
  return lines.map((line) => line.trim()).filter((line) => line !== '');
}
