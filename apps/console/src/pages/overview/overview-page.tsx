import { Button, Loader } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { CountedLink } from '../../components/counted-link.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useText } from '../../i18n/language.tsx';
import { useMayOpen } from '../../session/rights.ts';
import { BackupAges, DrillAges } from './ages.tsx';
import { Failures } from './failures.tsx';
import classes from './overview.module.css';
import { RunningNow } from './running-now.tsx';
import { Storage } from './storage.tsx';
import { Tiles } from './tiles.tsx';

/** What somebody looks at each morning: each number leads to what is behind it. */
export function OverviewPage(): ReactNode {
  const t = useText();
  const mayOpen = useMayOpen();
  const query = useQuery(routeQuery('overview', {}));
  if (query.error) return <ProblemAlert error={query.error} />;
  if (!query.data) return <Loader aria-label={t('app.loading')} />;
  const overview = query.data;
  if (overview.computers.agents.count === 0)
    return (
      <PageHead title={t('nav.overview')} subtitle={t('overview.empty')}>
        {mayOpen('/get-started') && (
          <Button component={Link} to="/get-started">
            {t('nav.get-started')}
          </Button>
        )}
      </PageHead>
    );
  return (
    <Stacked>
      <PageHead
        title={t('nav.overview')}
        subtitle={
          <CountedLink to={overview.computers.agents}>
            {t('overview.lead', { count: overview.computers.agents.count })}
          </CountedLink>
        }
      />
      <Tiles overview={overview} />
      <div className={classes['columns']}>
        <Failures failures={overview.failures} />
        <BackupAges backups={overview.backups} />
        <RunningNow running={overview.running} />
        <Storage storage={overview.storage} />
        <DrillAges drills={overview.drills} />
      </div>
    </Stacked>
  );
}
