import type { Job } from '@holdfast/protocol';
import type { Column } from '../../components/data-table.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { LastSession } from './last-session.tsx';
import { scheduleText } from './schedule-text.ts';
import { scopeText } from './scope-text.ts';

/** What jobs and policies have alike. */
type Planned = Pick<Job, 'schedule' | 'enabled' | 'nextRunAt' | 'lastSession' | 'scope'>;

/** The columns that the lists of jobs and of policies have in common. */
export function useJobColumns(): Readonly<Record<'last' | 'schedule' | 'next' | 'scope', Column<Planned>>> {
  const { t, formats } = useLanguage();
  return {
    last: {
      id: 'last',
      head: t('jobs.column.last'),
      cell: ({ lastSession }) => <LastSession session={lastSession} />,
    },
    schedule: {
      id: 'schedule',
      head: t('jobs.column.schedule'),
      cell: ({ schedule }) => scheduleText(schedule, t, formats),
    },
    next: {
      id: 'next',
      head: t('jobs.column.next'),
      cell: ({ nextRunAt, enabled }) =>
        enabled ? nextRunAt && formats.dateTime(nextRunAt) : <StateBadge state="disabled" />,
      wide: true,
    },
    scope: { id: 'scope', head: t('jobs.column.scope'), cell: ({ scope }) => scopeText(scope, t), wide: true },
  };
}
