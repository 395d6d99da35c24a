import type { Job, Policy } from '@holdfast/protocol';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { keepText } from '../jobs/keep-text.ts';
import { LastSession } from '../jobs/last-session.tsx';

/** The rest is in the list of jobs. */
const shownJobs = 20;

/** What backs up to it. */
export function RepositoryJobs({ repositoryId }: { readonly repositoryId: string }): ReactNode {
  const { t } = useLanguage();
  const query = { repositoryId, limit: shownJobs, sort: 'name', total: 'true' } as const;
  const jobs = useQuery(routeQuery('jobs', { query }));
  const policies = useQuery(routeQuery('policies', { query }));
  const error = jobs.error ?? policies.error;
  const rows: readonly Row[] = [
    ...(jobs.data?.jobs.map((one) => ({ kind: 'job' as const, one })) ?? []),
    ...(policies.data?.policies.map((one) => ({ kind: 'policy' as const, one })) ?? []),
  ];
  const areMore = Math.max(jobs.data?.total ?? 0, policies.data?.total ?? 0) > shownJobs;
  return (
    <Card title={t('repository.jobs')}>
      {error && <ProblemAlert error={error} />}
      {jobs.data && policies.data && rows.length === 0 ? (
        t('repository.no-jobs')
      ) : (
        <PlainTable
          label={t('repository.jobs')}
          rows={rows}
          keyOf={({ one }) => one.id}
          columns={[
            { id: 'name', head: t('jobs.column.name'), cell: (row) => <Name row={row} /> },
            { id: 'kind', head: t('session.kind'), cell: ({ kind }) => t(`repository.used-by.${kind}`), wide: true },
            { id: 'keep', head: t('wizard.keep'), cell: ({ one }) => keepText(one.retention, t), wide: true },
            {
              id: 'last',
              head: t('jobs.column.last'),
              cell: ({ one: { lastSession } }) => <LastSession session={lastSession} withAge />,
            },
          ]}
        />
      )}
      {areMore && (
        <p>
          <Link to="/jobs" search={{ repositoryId }}>
            {t('repository.all-jobs')}
          </Link>{' '}
          <Link to="/policies" search={{ repositoryId }}>
            {t('repository.all-policies')}
          </Link>
        </p>
      )}
    </Card>
  );
}

type Row = { readonly kind: 'job'; readonly one: Job } | { readonly kind: 'policy'; readonly one: Policy };

function Name({ row: { kind, one } }: { readonly row: Row }): ReactNode {
  return (
    <Link to={kind === 'job' ? '/jobs/$id' : '/policies/$id'} params={{ id: one.id }}>
      {one.name}
    </Link>
  );
}
