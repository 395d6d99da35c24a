import type { AuditRecord } from '@holdfast/protocol';
import { Button, NativeSelect } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { pagesQuery, routeQuery } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { Facts } from '../../components/facts.tsx';
import { FilterBar } from '../../components/filter-bar.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { SearchField } from '../../components/search-field.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { given, oneOf } from '../search-values.ts';
import { saveAudit, verifyAudit } from './audit-records.ts';
import { type AuditSearch, auditOutcomes } from './audit-search.ts';
import { SettingsFrame } from './settings-frame.tsx';

const route = getRouteApi('/settings/audit');
const pageSize = 200;

/** Who did what, and whether the record of it is whole. */
export function AuditPage(): ReactNode {
  const { t, formats } = useLanguage();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const records = useInfiniteQuery(pagesQuery('audit', { query: { limit: pageSize, ...search } }));
  const save = useMutation({ mutationFn: () => saveAudit(search) });
  const filter = (change: { [Key in keyof AuditSearch]?: AuditSearch[Key] | undefined }): void =>
    void navigate({ search: given({ ...search, ...change }), replace: true });
  const columns: readonly Column<AuditRecord>[] = [
    { id: 'at', head: t('audit.at'), cell: ({ at }) => <time dateTime={at}>{formats.dateTime(at)}</time> },
    { id: 'actor', head: t('audit.actor'), cell: ({ actor }) => actor },
    { id: 'action', head: t('audit.action'), cell: ({ action }) => <code>{action}</code> },
    { id: 'subject', head: t('audit.subject'), cell: ({ subject }) => subject, wide: true },
    { id: 'outcome', head: t('audit.outcome'), cell: ({ outcome }) => t(`audit.outcome.${outcome}`) },
    { id: 'from', head: t('access.column.from'), cell: ({ remoteAddress }) => remoteAddress, wide: true },
  ];
  return (
    <SettingsFrame
      page="audit"
      actions={
        <Button variant="default" loading={save.isPending} onClick={() => save.mutate()}>
          {t('audit.save')}
        </Button>
      }
    >
      {save.error && <ProblemAlert error={save.error} />}
      <ChainState />
      <div>
        <FilterBar label={t('filter.label')}>
          <SearchField
            label={t('audit.actor')}
            value={search.actor ?? ''}
            onChange={(actor) => filter({ actor: actor || undefined })}
          />
          <SearchField
            label={t('audit.action')}
            value={search.action ?? ''}
            onChange={(action) => filter({ action: action || undefined })}
          />
          <SearchField
            label={t('audit.subject')}
            value={search.subject ?? ''}
            onChange={(subject) => filter({ subject: subject || undefined })}
          />
          <NativeSelect
            aria-label={t('audit.outcome')}
            value={search.outcome ?? ''}
            onChange={({ currentTarget }) => filter({ outcome: oneOf(currentTarget.value, auditOutcomes) })}
            data={[
              { value: '', label: t('audit.outcome.any') },
              ...auditOutcomes.map((value) => ({ value, label: t(`audit.outcome.${value}`) })),
            ]}
          />
        </FilterBar>
        {records.error && <ProblemAlert error={records.error} />}
        <DataTable
          label={t('settings.audit')}
          rows={records.data?.pages.flatMap((page) => page.records) ?? []}
          keyOf={({ number }) => String(number)}
          columns={columns}
          empty={t('audit.none-found')}
          isLoading={records.isPending || records.isFetchingNextPage}
          hasMore={records.hasNextPage}
          onMore={() => void records.fetchNextPage()}
        />
      </div>
    </SettingsFrame>
  );
}

/** The chain checked by this browser, and how far the export to a syslog server has got. */
function ChainState(): ReactNode {
  const { t, formats } = useLanguage();
  const sent = useQuery(routeQuery('auditExport', {}));
  const verify = useMutation({ mutationFn: verifyAudit });
  const { settings } = sent.data ?? {};
  return (
    <Card
      title={t('audit.chain')}
      aside={
        <Button variant="default" size="compact-sm" loading={verify.isPending} onClick={() => verify.mutate()}>
          {t('audit.verify')}
        </Button>
      }
    >
      <Facts
        facts={[
          [t('audit.records'), sent.data ? formats.number(sent.data.last) : '–'],
          [
            t('audit.export'),
            settings
              ? t('audit.export.to', { host: settings.host, count: sent.data?.exported ?? 0 })
              : t('audit.export.none'),
          ],
        ]}
      />
      <div role="status">
        {verify.data &&
          ('brokenAt' in verify.data
            ? t('audit.broken', { number: verify.data.brokenAt })
            : t('audit.whole', { count: verify.data.checked, hash: verify.data.head.slice(0, 16) }))}
      </div>
      {verify.error && <ProblemAlert error={verify.error} />}
      {sent.data?.error && <p>{sent.data.error.message}</p>}
    </Card>
  );
}
