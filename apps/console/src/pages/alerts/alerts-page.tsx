import type { RansomwareAlert, RansomwareFinding } from '@holdfast/protocol';
import { Button, Group, SegmentedControl, Stack } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { pagesQuery, useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { Facts } from '../../components/facts.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import { parseAlertsSearch } from './alerts-search.ts';

const route = getRouteApi('/alerts');

/** Backups that look as if ransomware had been at work, and what people say that it was. */
export function AlertsPage(): ReactNode {
  const { t } = useLanguage();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const alerts = useInfiniteQuery(pagesQuery('ransomwareAlerts', { query: { limit: 50, ...search } }));
  const rows = alerts.data?.pages.flatMap((page) => page.alerts) ?? [];
  return (
    <Stacked>
      <PageHead title={t('alerts.title')} subtitle={t('alerts.lead')} />
      <div>
        <SegmentedControl
          aria-label={t('alerts.which')}
          value={search.state === 'open' ? 'open' : 'all'}
          onChange={(value) =>
            void navigate({
              search: parseAlertsSearch({ ...search, state: value === 'open' ? value : undefined }),
              replace: true,
            })
          }
          data={(['open', 'all'] as const).map((value) => ({ value, label: t(`alerts.${value}`) }))}
        />
      </div>
      {alerts.error && <ProblemAlert error={alerts.error} />}
      {alerts.data && rows.length === 0 && (
        <Card>{t(search.state === 'open' ? 'alerts.none-open' : 'alerts.none')}</Card>
      )}
      {rows.map((alert) => (
        <AlertCard key={alert.id} alert={alert} />
      ))}
      {alerts.hasNextPage && (
        <Button variant="subtle" onClick={() => void alerts.fetchNextPage()}>
          {t('action.more')}
        </Button>
      )}
    </Stacked>
  );
}

function AlertCard({ alert }: { readonly alert: RansomwareAlert }): ReactNode {
  const { t, formats } = useLanguage();
  const may = useMay();
  const settle = useAction('settleRansomwareAlert', ['ransomwareAlerts', 'overview']);
  const { id, agentId, hostname: name, repositoryId: repository, comparedWith: snapshot } = alert;
  return (
    <Card title={`${name}, ${formats.dateTime(alert.raisedAt)}`} aside={t(`alerts.state.${alert.state}`)}>
      <Stack gap="md">
        <Facts
          facts={[
            [
              t('computers.column.name'),
              <Link key="computer" to="/computers/$id" params={{ id: agentId }}>
                {name}
              </Link>,
            ],
            [
              t('alerts.found'),
              alert.findings.map((finding, at) => (
                <div key={`${finding.sign} ${finding.extension ?? at}`}>
                  <Finding finding={finding} />
                </div>
              )),
            ],
            ...(may('snapshotEntries')
              ? [
                  [
                    t('alerts.earlier'),
                    <Link key="earlier" to="/restore" search={{ computer: agentId, repository, snapshot }}>
                      {t('alerts.earlier.link')}
                    </Link>,
                  ] as const,
                ]
              : []),
            ...(alert.settledBy === undefined ? [] : [[t('alerts.settled-by'), alert.settledBy] as const]),
          ]}
        />
        {settle.error && <ProblemAlert error={settle.error} />}
        {alert.state === 'open' && may('settleRansomwareAlert') && (
          <>
            <Group gap="sm">
              <Button
                loading={settle.isPending}
                aria-label={t('alerts.acknowledge.named', { name })}
                onClick={() => settle.mutate({ params: { id }, body: { state: 'acknowledged' } })}
              >
                {t('alerts.acknowledge')}
              </Button>
              <Button
                variant="default"
                loading={settle.isPending}
                aria-label={t('alerts.false-alarm.named', { name })}
                onClick={() => settle.mutate({ params: { id }, body: { state: 'false-alarm' } })}
              >
                {t('alerts.false-alarm')}
              </Button>
            </Group>
            <p>{t('alerts.false-alarm.hint')}</p>
          </>
        )}
      </Stack>
    </Card>
  );
}

function Finding({ finding }: { readonly finding: RansomwareFinding }): ReactNode {
  const { t, formats } = useLanguage();
  const { extension, files: count } = finding;
  const shown =
    extension === undefined
      ? t('alerts.extension.untold')
      : extension === ''
        ? t('alerts.extension.none')
        : `.${extension}`;
  if (finding.sign === 'mass-rename')
    return t('alerts.renamed', { count, folders: formats.number(finding.folders), extension: shown });
  if (extension === '*') return t('alerts.deleted.beyond', { count });
  return t('alerts.deleted', { count, of: formats.number(finding.of), extension: shown });
}
