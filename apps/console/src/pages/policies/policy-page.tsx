import { Loader } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { ComputerName } from '../../components/computer-name.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { JobFacts, JobHead } from '../jobs/job-page.tsx';
import { JobSessions } from '../jobs/job-sessions.tsx';
import { MissingPage } from '../missing-page.tsx';

const route = getRouteApi('/policies/$id');

/** One policy: as a job, and how far it has got on each of its computers. */
export function PolicyPage(): ReactNode {
  const { t } = useLanguage();
  const { id } = route.useParams();
  const policy = useQuery(routeQuery('policy', { params: { id } }));
  if (policy.error) return <MissingPage error={policy.error} />;
  if (!policy.data) return <Loader aria-label={t('app.loading')} />;
  return (
    <Stacked>
      <JobHead kind="policy" one={policy.data} />
      <JobFacts one={policy.data} />
      <PolicyComputers id={id} />
      <JobSessions jobId={id} />
    </Stacked>
  );
}

function PolicyComputers({ id }: { readonly id: string }): ReactNode {
  const { t, formats } = useLanguage();
  const computers = useQuery(routeQuery('policyComputers', { params: { id }, query: { limit: 1000 } }));
  return (
    <Card title={t('policy.computers')}>
      {computers.error && <ProblemAlert error={computers.error} />}
      <PlainTable
        label={t('policy.computers')}
        rows={computers.data?.computers ?? []}
        keyOf={({ agentId }) => agentId}
        columns={[
          { id: 'name', head: t('computers.column.name'), cell: ({ agentId }) => <ComputerName id={agentId} /> },
          { id: 'handed', head: t('policy.handed-out'), cell: ({ handedOutAt }) => <Age at={handedOutAt} /> },
          {
            id: 'until',
            head: t('policy.grant-until'),
            cell: ({ grantExpiresAt }) => grantExpiresAt !== undefined && formats.dateTime(grantExpiresAt),
            wide: true,
          },
          {
            id: 'last',
            head: t('computers.column.result'),
            cell: ({ lastRun }) => (lastRun ? <StateBadge state={lastRun.state} /> : t('age.never')),
          },
        ]}
      />
    </Card>
  );
}
