import { Button, Loader } from '@mantine/core';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { PageHead } from '../../components/page-head.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useText } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import { MissingPage } from '../missing-page.tsx';
import { SnapshotList } from '../snapshot-list.tsx';
import { DrillReceipts } from './drill-receipts.tsx';
import { MaintenanceWork } from './maintenance-work.tsx';
import { RepositoryFacts } from './repository-facts.tsx';
import { RepositoryJobs } from './repository-jobs.tsx';
import { RepositorySize } from './repository-size.tsx';
import { RetentionCard } from './retention-card.tsx';
import { useRepository } from './use-repository.ts';
import { ZeroKnowledge } from './zero-knowledge.tsx';

const route = getRouteApi('/repositories/$id');

/** One repository: where it is, what it takes, who uses it, what is done in it and when, and what is in it. */
export function RepositoryPage(): ReactNode {
  const t = useText();
  const may = useMay();
  const { id } = route.useParams();
  const { data: repository, error, isPending } = useRepository(id);
  if (error) return <MissingPage error={error} />;
  if (isPending) return <Loader aria-label={t('app.loading')} />;
  if (!repository) return <MissingPage />;
  return (
    <Stacked>
      <PageHead title={repository.name} subtitle={t('repository.subtitle')}>
        {may('setRepositoryMaintenance') && (
          <Button renderRoot={(props) => <Link to="/repositories/$id/maintenance" params={{ id }} {...props} />}>
            {t('repository.change-maintenance')}
          </Button>
        )}
      </PageHead>
      <RepositoryFacts repository={repository} />
      {repository.zeroKnowledge && <ZeroKnowledge repository={repository} />}
      <RepositorySize repository={repository} />
      <RetentionCard repositoryId={id} />
      <MaintenanceWork repository={repository} />
      <RepositoryJobs repositoryId={id} />
      <DrillReceipts repositoryId={id} />
      <SnapshotList of={{ repositoryId: id }} />
    </Stacked>
  );
}
