import type { Job, Policy } from '@holdfast/protocol';
import { Button, Loader } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { ComputerName } from '../../components/computer-name.tsx';
import { Facts } from '../../components/facts.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import { DeleteButton } from '../delete-button.tsx';
import { MissingPage } from '../missing-page.tsx';
import { JobCalendar } from './job-calendar.tsx';
import { type JobKind, jobKinds } from './job-kinds.ts';
import { JobSessions } from './job-sessions.tsx';
import { keepText } from './keep-text.ts';
import { LastSession } from './last-session.tsx';
import { scheduleText } from './schedule-text.ts';
import { scopeText } from './scope-text.ts';
import { TargetName } from './target-name.tsx';

const jobRoute = getRouteApi('/jobs/$id');
const shownComputers = 20;

/** One job: what it does, when it is due and how it went. */
export function JobPage(): ReactNode {
  const { t } = useLanguage();
  const { id } = jobRoute.useParams();
  const job = useQuery(routeQuery('job', { params: { id } }));
  if (job.error) return <MissingPage error={job.error} />;
  if (!job.data) return <Loader aria-label={t('app.loading')} />;
  return (
    <Stacked>
      <JobHead kind="job" one={job.data} />
      <JobFacts one={job.data} />
      <JobCalendar jobId={id} />
      <JobSessions jobId={id} />
    </Stacked>
  );
}

/** Its name, and what may be done with it. */
export function JobHead({ kind, one }: { readonly kind: JobKind; readonly one: Job | Policy }): ReactNode {
  const { t } = useLanguage();
  const may = useMay();
  const navigate = useNavigate();
  const routes = jobKinds[kind];
  const run = useAction(routes.run, ['sessions', routes.list, routes.one]);
  const stop = useAction('stopSession', ['sessions', 'session', routes.list, routes.one]);
  const { lastSession } = one;
  const isUnderWay = lastSession?.state === 'queued' || lastSession?.state === 'running';
  const error = run.error ?? stop.error;
  return (
    <>
      <PageHead title={one.name} subtitle={<StateBadge state={one.enabled ? 'enabled' : 'disabled'} />}>
        {may(routes.change) && (
          <Button
            variant="default"
            component={Link}
            to={kind === 'job' ? `/jobs/${one.id}/change` : `/policies/${one.id}/change`}
          >
            {t('action.change')}
          </Button>
        )}
        {may(routes.remove) && (
          <DeleteButton
            route={routes.remove}
            of={routes.one}
            id={one.id}
            seen={one}
            name={one.name}
            warning={t('job.delete.hint')}
            changes={[routes.list, 'computers']}
            onDeleted={() => void navigate({ to: kind === 'job' ? '/jobs' : '/policies' })}
          />
        )}
        {may('stopSession') && isUnderWay && (
          <Button
            variant="default"
            loading={stop.isPending}
            onClick={() => stop.mutate({ params: { id: lastSession.id }, body: { how: 'at-once' } })}
          >
            {t('session.stop.at-once')}
          </Button>
        )}
        {may(routes.run) && (
          <Button
            loading={run.isPending}
            onClick={() =>
              run.mutate(
                { params: { id: one.id }, body: {} },
                { onSuccess: (session) => void navigate({ to: '/sessions/$id', params: { id: session.id } }) },
              )
            }
          >
            {t('jobs.run')}
          </Button>
        )}
      </PageHead>
      {error && <ProblemAlert error={error} />}
    </>
  );
}

/** What somebody decided about it. */
export function JobFacts({ one }: { readonly one: Job | Policy }): ReactNode {
  const { t, formats } = useLanguage();
  const { scope, lastSession } = one;
  const more = one.computers.length - shownComputers;
  return (
    <Card title={t('job.facts')}>
      <Facts
        facts={[
          [
            t('wizard.computers'),
            <span key="computers">
              {one.groups.map((name) => (
                <span key={name}>{t('job.group', { name })} </span>
              ))}
              {one.computers.slice(0, shownComputers).map((id) => (
                <span key={id}>
                  <ComputerName id={id} />{' '}
                </span>
              ))}
              {more > 0 && t('job.more-computers', { count: more })}
            </span>,
          ],
          [t('jobs.column.scope'), scopeText(scope, t)],
          [
            t('protect.target'),
            one.target.kind === 'shared' ? (
              <Link key="target" to="/repositories/$id" params={{ id: one.target.repositoryId }}>
                <TargetName target={one.target} />
              </Link>
            ) : (
              <TargetName key="target" target={one.target} />
            ),
          ],
          [t('jobs.column.schedule'), scheduleText(one.schedule, t, formats)],
          [t('wizard.time-zone'), one.timeZone],
          [t('jobs.column.next'), one.enabled && one.nextRunAt !== undefined ? formats.dateTime(one.nextRunAt) : '–'],
          [t('wizard.keep'), keepText(one.retention, t)],
          [t('jobs.column.last'), <LastSession key="last" session={lastSession} withAge />],
        ]}
      />
      {one.managedBy !== undefined && <p>{t('wizard.managed', { name: one.managedBy })}</p>}
    </Card>
  );
}
