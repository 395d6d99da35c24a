import { useQuery } from '@tanstack/react-query';
import { useLocation } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useText } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import { EnrolStep } from './enrol-step.tsx';
import { FirstBackups } from './first-backups.tsx';
import { KitStep } from './kit-step.tsx';
import { ProtectStep } from './protect-step.tsx';
import { RepositoryStep } from './repository-step.tsx';
import { Step } from './step.tsx';

/** What the lists are asked for here: enough to choose from; who has more computers chooses groups. */
const choices = { limit: 1000 } as const;
/** What is done on the command line meanwhile is seen here as soon as that. */
const kitLookMs = 15_000;

/** From an empty server to the first backup, and later the place to add a repository, a computer or a job. */
export function GetStartedPage(): ReactNode {
  const t = useText();
  const may = useMay();
  const { hash } = useLocation();
  const computers = useQuery(routeQuery('computers', { query: choices }));
  const repositories = useQuery(routeQuery('repositories', { query: choices }));
  const jobs = useQuery(routeQuery('jobs', { query: choices }));
  const status = useQuery({ ...routeQuery('status', {}), refetchInterval: kitLookMs });
  const snapshots = useQuery(routeQuery('snapshots', { query: { limit: 1 } }));
  const error = computers.error ?? repositories.error ?? jobs.error ?? snapshots.error;
  const isReady = computers.data && repositories.data && jobs.data;
  useEffect(() => {
    if (isReady && hash !== '') document.getElementById(hash)?.scrollIntoView();
  }, [isReady, hash]);
  // What somebody is writing stays when a later look fails.
  if (error && !isReady) return <ProblemAlert error={error} />;
  const usable = (computers.data?.computers ?? []).filter(({ state }) => state !== 'revoked');
  const agents = usable.filter(({ role }) => role === 'agent');
  const movers = usable.filter(({ role }) => role === 'mover');
  return (
    <Stacked>
      <PageHead title={t('get-started.title')} subtitle={t('get-started.lead')} />
      <Step
        id="computer"
        number={1}
        title={t('get-started.computer.title')}
        lead={t('get-started.computer.lead')}
        isDone={agents.length > 0}
      >
        <EnrolStep computers={usable} />
      </Step>
      <Step
        id="repository"
        number={2}
        title={t('get-started.repository.title')}
        lead={t('get-started.repository.lead')}
        isDone={(repositories.data?.repositories.length ?? 0) > 0}
      >
        <RepositoryStep movers={movers} repositories={repositories.data?.repositories ?? []} />
      </Step>
      <Step
        id="protect"
        number={3}
        title={t('get-started.protect.title')}
        lead={t('get-started.protect.lead')}
        isDone={(jobs.data?.jobs.length ?? 0) > 0}
      >
        <ProtectStep agents={agents} movers={movers} repositories={repositories.data?.repositories ?? []} />
      </Step>
      <Step
        id="watch"
        number={4}
        title={t('get-started.watch.title')}
        lead={t('get-started.watch.lead')}
        isDone={(snapshots.data?.snapshots.length ?? 0) > 0}
      >
        <FirstBackups />
      </Step>
      {status.data && may('replaceRecoveryKit') && (
        <Step
          id="recovery-kit"
          number={5}
          title={t('get-started.kit.title')}
          lead={t('get-started.kit.lead')}
          isDone={status.data.recoveryKit === 'confirmed'}
        >
          <KitStep state={status.data.recoveryKit} />
        </Step>
      )}
    </Stacked>
  );
}
