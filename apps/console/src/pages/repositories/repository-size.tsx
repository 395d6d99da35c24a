import type { Repository } from '@holdfast/protocol';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { TrendLine } from '../../components/trend-line.tsx';
import { useLanguage } from '../../i18n/language.tsx';

const shownDays = 90;

/** What it takes, as its mover has measured it, and how that has changed. */
export function RepositorySize({ repository }: { readonly repository: Repository }): ReactNode {
  const { t, formats } = useLanguage();
  const { id, usedBytes, measuredAt } = repository;
  const usage = useQuery(routeQuery('repositoryUsage', { params: { id }, query: { days: shownDays } }));
  const days = usage.data?.days ?? [];
  const first = days[0];
  if (usedBytes === undefined) return <Card title={t('repositories.column.used')}>{t('repository.unmeasured')}</Card>;
  const change = first === undefined ? 0 : usedBytes - first.usedBytes;
  return (
    <Card title={t('repositories.column.used')}>
      {usage.error && <ProblemAlert error={usage.error} />}
      <p>
        <strong>{formats.bytes(usedBytes)}</strong> {t('repository.measured')} <Age at={measuredAt} />
      </p>
      {first && days.length > 1 && (
        <p>
          {t('repository.change', {
            change: `${change < 0 ? '−' : '+'}${formats.bytes(Math.abs(change))}`,
            day: formats.day(`${first.day}T12:00:00`),
          })}
        </p>
      )}
      <TrendLine values={days.map((day) => day.usedBytes)} label={t('repository.trend')} />
    </Card>
  );
}
