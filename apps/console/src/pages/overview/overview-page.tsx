import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useText } from '../../i18n/language.tsx';
import { FirstBackups } from '../get-started/first-backups.tsx';

const shownComputers = 10;

/** What somebody looks at each morning. */
export function OverviewPage(): ReactNode {
  const t = useText();
  return (
    <Stacked>
      <PageHead title={t('nav.overview')} />
      <Unprotected />
      <Card title={t('sessions.title')} aside={<Link to="/sessions">{t('overview.all')}</Link>}>
        <FirstBackups />
      </Card>
    </Stacked>
  );
}

/** Computers without a job, or without a good backup for too long. */
function Unprotected(): ReactNode {
  const t = useText();
  const query = { state: 'unprotected', limit: shownComputers } as const;
  const computers = useQuery(routeQuery('computers', { query }));
  return (
    <Card
      title={t('overview.unprotected')}
      aside={
        <Link to="/computers" search={{ state: 'unprotected' }}>
          {t('overview.all')}
        </Link>
      }
    >
      {computers.error && <ProblemAlert error={computers.error} />}
      {computers.data?.computers.length === 0 ? (
        t('overview.all-protected')
      ) : (
        <PlainTable
          label={t('overview.unprotected')}
          rows={computers.data?.computers ?? []}
          keyOf={({ id }) => id}
          columns={[
            {
              id: 'name',
              head: t('computers.column.name'),
              cell: ({ id, hostname }) => (
                <Link to="/computers/$id" params={{ id }}>
                  {hostname}
                </Link>
              ),
            },
            {
              id: 'backup',
              head: t('computers.column.backup'),
              cell: ({ lastBackupAt }) => <Age at={lastBackupAt} />,
            },
          ]}
        />
      )}
    </Card>
  );
}
