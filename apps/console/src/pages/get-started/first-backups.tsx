import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useText } from '../../i18n/language.tsx';
import { sessionName } from '../sessions/session-name.ts';

const shown = 5;

/** The newest sessions, as they go. */
export function FirstBackups(): ReactNode {
  const t = useText();
  const sessions = useQuery(routeQuery('sessions', { query: { limit: shown } }));
  if (sessions.error) return <ProblemAlert error={sessions.error} />;
  if (!sessions.data || sessions.data.sessions.length === 0) return <p>{t('sessions.none')}</p>;
  return (
    <PlainTable
      label={t('sessions.title')}
      rows={sessions.data.sessions}
      keyOf={({ id }) => id}
      columns={[
        {
          id: 'name',
          head: t('sessions.column.name'),
          cell: (one) => (
            <Link to="/sessions/$id" params={{ id: one.id }}>
              {sessionName(one, t)}
            </Link>
          ),
        },
        { id: 'state', head: t('sessions.column.state'), cell: ({ state }) => <StateBadge state={state} /> },
        { id: 'begun', head: t('sessions.column.begun'), cell: ({ createdAt }) => <Age at={createdAt} /> },
      ]}
    />
  );
}
