import type { ComputerDetail } from '@holdfast/protocol';
import { Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import { LastSession } from '../jobs/last-session.tsx';
import { scheduleText } from '../jobs/schedule-text.ts';

/** The jobs that name the computer or its group. */
export function ComputerJobs({ computer }: { readonly computer: ComputerDetail }): ReactNode {
  const { t, formats } = useLanguage();
  const may = useMay();
  const navigate = useNavigate();
  const jobs = useQuery(routeQuery('jobs', { query: { limit: 1000 } }));
  const run = useAction('runJob', ['sessions', 'jobs']);
  const own = (jobs.data?.jobs ?? []).filter(
    ({ computers, groups }) => computers.includes(computer.id) || groups.includes(computer.group),
  );
  return (
    <Card title={t('computer.jobs')}>
      {jobs.error && <ProblemAlert error={jobs.error} />}
      {run.error && <ProblemAlert error={run.error} />}
      {jobs.data && own.length === 0 ? (
        <Group justify="space-between">
          <span>{t('computer.no-jobs')}</span>
          {may('createJob') && (
            <Button component={Link} to="/jobs/new" variant="default">
              {t('computer.protect')}
            </Button>
          )}
        </Group>
      ) : (
        <PlainTable
          label={t('computer.jobs')}
          rows={own}
          keyOf={({ id }) => id}
          columns={[
            { id: 'name', head: t('jobs.column.name'), cell: ({ name }) => name },
            {
              id: 'schedule',
              head: t('jobs.column.schedule'),
              cell: ({ schedule }) => scheduleText(schedule, t, formats),
            },
            {
              id: 'last',
              head: t('jobs.column.last'),
              cell: ({ lastSession }) => <LastSession session={lastSession} withAge />,
            },
            {
              id: 'run',
              head: t('table.actions'),
              align: 'end',
              cell: ({ id, name }) =>
                may('runJob') && (
                  <Button
                    size="compact-sm"
                    variant="default"
                    aria-label={t('jobs.run.named', { name })}
                    onClick={() =>
                      run.mutate(
                        { params: { id }, body: { computers: [computer.id] } },
                        { onSuccess: (session) => void navigate({ to: '/sessions/$id', params: { id: session.id } }) },
                      )
                    }
                  >
                    {t('jobs.run')}
                  </Button>
                ),
            },
          ]}
        />
      )}
    </Card>
  );
}
