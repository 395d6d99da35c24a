import type { Session } from '@holdfast/protocol';
import { Button, Loader } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { Facts } from '../../components/facts.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import { MissingPage } from '../missing-page.tsx';
import { SessionLog } from './session-log.tsx';
import { sessionName } from './session-name.ts';
import { SessionTasks } from './session-tasks.tsx';

const route = getRouteApi('/sessions/$id');

/** One session as it goes: its tasks with their progress, and what happened in it. */
export function SessionPage(): ReactNode {
  const { t, formats } = useLanguage();
  const { id } = route.useParams();
  const query = useQuery(routeQuery('session', { params: { id } }));
  if (query.error) return <MissingPage error={query.error} />;
  if (!query.data) return <Loader aria-label={t('app.loading')} />;
  const session = query.data;
  const isOpen = isUnderWay(session);
  return (
    <Stacked>
      <PageHead title={sessionName(session, t)} subtitle={<StateBadge state={session.state} />}>
        <SessionActions session={session} />
      </PageHead>
      <Card title={t('session.facts')}>
        <Facts
          facts={[
            [t('session.kind'), t(`kind.${session.kind}`)],
            [t('sessions.column.trigger'), t(`trigger.${session.trigger}`)],
            [t('session.begun'), formats.dateTime(session.startedAt ?? session.createdAt)],
            ...(session.endedAt === undefined
              ? []
              : [
                  [t('session.ended'), formats.dateTime(session.endedAt)] as const,
                  [
                    t('session.took'),
                    formats.duration(Date.parse(session.endedAt) - Date.parse(session.startedAt ?? session.createdAt)),
                  ] as const,
                ]),
            [t('sessions.column.processed'), formats.bytes(session.processedBytes)],
            [t('sessions.column.stored'), formats.bytes(session.storedBytes)],
            [t('session.problems'), formats.number(session.problemCount)],
          ]}
        />
        {session.degraded && <p>{t('session.degraded')}</p>}
        {session.notes.map((note) => (
          <p key={note.message}>
            {note.message} {note.guidance}
          </p>
        ))}
      </Card>
      <SessionTasks sessionId={id} isOpen={isOpen} />
      <SessionLog sessionId={id} isOpen={isOpen} />
    </Stacked>
  );
}

function isUnderWay({ state }: Session): boolean {
  return state === 'queued' || state === 'running';
}

function SessionActions({ session }: { readonly session: Session }): ReactNode {
  const { t } = useLanguage();
  const may = useMay();
  const stop = useAction('stopSession', ['session', 'sessions', 'runs']);
  const retry = useAction('retrySession', ['session', 'sessions', 'runs']);
  const params = { id: session.id };
  if (isUnderWay(session))
    return (
      may('stopSession') && (
        <>
          <Button
            variant="default"
            loading={stop.isPending}
            onClick={() => stop.mutate({ params, body: { how: 'gracefully' } })}
          >
            {t('session.stop.gracefully')}
          </Button>
          <Button
            color="red"
            variant="default"
            loading={stop.isPending}
            onClick={() => stop.mutate({ params, body: { how: 'at-once' } })}
          >
            {t('session.stop.at-once')}
          </Button>
          {stop.error && <ProblemAlert error={stop.error} />}
        </>
      )
    );
  if (session.tasks.failed + session.tasks.cancelled === 0 || !may('retrySession')) return null;
  return (
    <>
      <Button loading={retry.isPending} onClick={() => retry.mutate({ params })}>
        {t('session.retry')}
      </Button>
      {retry.error && <ProblemAlert error={retry.error} />}
    </>
  );
}
