import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';

const shownSessions = 10;

/** How a job or policy went the last times; what failed can be tried again. */
export function JobSessions({ jobId }: { readonly jobId: string }): ReactNode {
  const { t, formats } = useLanguage();
  const may = useMay();
  const navigate = useNavigate();
  const sessions = useQuery(routeQuery('sessions', { query: { jobId, limit: shownSessions } }));
  const retry = useAction('retrySession', ['sessions', 'jobs', 'job']);
  const rows = sessions.data?.sessions ?? [];
  return (
    <Card
      title={t('sessions.title')}
      aside={
        <Link to="/sessions" search={{ jobId }}>
          {t('job.all-sessions')}
        </Link>
      }
    >
      {sessions.error && <ProblemAlert error={sessions.error} />}
      {retry.error && <ProblemAlert error={retry.error} />}
      {sessions.data && rows.length === 0 ? (
        <p>{t('sessions.none')}</p>
      ) : (
        <PlainTable
          label={t('sessions.title')}
          rows={rows}
          keyOf={({ id }) => id}
          columns={[
            {
              id: 'begun',
              head: t('session.begun'),
              cell: ({ id, createdAt }) => (
                <Link to="/sessions/$id" params={{ id }}>
                  {formats.dateTime(createdAt)}
                </Link>
              ),
            },
            { id: 'state', head: t('sessions.column.state'), cell: ({ state }) => <StateBadge state={state} /> },
            {
              id: 'trigger',
              head: t('sessions.column.trigger'),
              cell: ({ trigger }) => t(`trigger.${trigger}`),
              wide: true,
            },
            {
              id: 'stored',
              head: t('sessions.column.stored'),
              cell: ({ storedBytes }) => formats.bytes(storedBytes),
              wide: true,
            },
            {
              id: 'retry',
              head: t('table.actions'),
              align: 'end',
              cell: ({ id, state, createdAt }) =>
                may('retrySession') &&
                (state === 'failed' || state === 'cancelled') && (
                  <Button
                    size="compact-sm"
                    variant="default"
                    aria-label={t('job.retry.named', { at: formats.dateTime(createdAt) })}
                    onClick={() =>
                      retry.mutate(
                        { params: { id } },
                        { onSuccess: (session) => void navigate({ to: '/sessions/$id', params: { id: session.id } }) },
                      )
                    }
                  >
                    {t('job.retry')}
                  </Button>
                ),
            },
          ]}
        />
      )}
    </Card>
  );
}
